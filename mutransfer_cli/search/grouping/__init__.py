"""Grouping of trials into populations that train as one computation."""
