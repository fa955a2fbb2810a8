"""Optimizer steps for many trials at once."""
