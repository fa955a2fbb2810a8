"""Follows activations through a forward pass: scales, attention, residual branches."""
