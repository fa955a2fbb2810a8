"""Norms of weights and updates during training, and which weights are readouts."""
