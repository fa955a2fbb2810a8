"""Deviations of exponents from the expected ones."""
