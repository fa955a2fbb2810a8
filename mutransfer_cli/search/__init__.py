"""Spaces, samplers, executors, and the storage of a study."""
