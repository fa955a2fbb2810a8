"""Checkpoints of trials and populations."""
