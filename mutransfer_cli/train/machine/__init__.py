"""What the machine offers: devices, threads, memory."""
