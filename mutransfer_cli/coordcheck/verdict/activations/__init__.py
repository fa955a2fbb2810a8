"""Verdicts on activations: their factors, sums, branches and attention scores."""
