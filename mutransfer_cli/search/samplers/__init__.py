"""Samplers: they propose which trials to run next."""
