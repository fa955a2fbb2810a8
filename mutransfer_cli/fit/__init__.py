"""Optimum with an interval, transfer, and what both say of a larger size."""
