"""Tests of hyperparameters whose best value is no octave."""
