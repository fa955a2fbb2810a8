"""Fits the response surface to runs."""
