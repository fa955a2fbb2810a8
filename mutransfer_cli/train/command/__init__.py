"""Trials that run the user's own training program."""
