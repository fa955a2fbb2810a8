"""Recorded runs of the recipes: `make gallery` or `python -m tests.gallery NAME`."""
