"""Executors, which run trials: local processes, the user's own program, Ray."""
