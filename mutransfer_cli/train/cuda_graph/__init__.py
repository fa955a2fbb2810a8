"""Populations whose step is captured as one CUDA graph."""
