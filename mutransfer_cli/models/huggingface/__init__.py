"""Hugging Face models from their configs: `hf:llama`, `hf:path/config.json`."""
