"""Parts of the executor of a user's own program."""
