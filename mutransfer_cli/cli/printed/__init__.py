"""What a command prints where that takes more than a few lines."""
