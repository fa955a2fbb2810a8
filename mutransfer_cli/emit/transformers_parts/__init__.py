"""Parts of the format `hf`."""
