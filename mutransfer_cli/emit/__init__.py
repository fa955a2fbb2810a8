"""Writes the configuration of the large run for target stacks, one module per stack."""
