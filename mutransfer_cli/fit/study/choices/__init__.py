"""Hyperparameters whose best value is no octave: categories, and those that can be 0."""
