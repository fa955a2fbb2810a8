"""Capturing a step as one CUDA graph: the graph, and the buffers that it reads."""
