"""Which trials train together, and how."""
