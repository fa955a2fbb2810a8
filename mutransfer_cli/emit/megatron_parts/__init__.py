"""Parts of the format `megatron`."""
