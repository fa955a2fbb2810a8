"""Builds models of a given size (built-in, Hugging Face or the user's own) and proxies of them."""
