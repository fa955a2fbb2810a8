"""Plots of checks and fits, in a common style."""
