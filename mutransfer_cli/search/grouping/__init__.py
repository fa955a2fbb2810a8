"""Which trials train as one population."""
