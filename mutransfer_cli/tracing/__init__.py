"""Traces what a forward pass does with every parameter: roles, fans and growing dimensions."""
