"""Plots of checks and fits, in one style."""
