"""The machine's devices, threads and memory."""
