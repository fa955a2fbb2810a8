"""Models at a size: built in, Hugging Face's or a user's own; and proxies ready to train."""
