"""What runs trials: local processes, the user's own program, Ray."""
