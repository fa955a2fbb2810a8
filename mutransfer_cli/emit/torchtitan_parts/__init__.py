"""Parts of the format `torchtitan`."""
