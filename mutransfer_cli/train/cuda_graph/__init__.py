"""A population's step as one CUDA graph."""
