"""Which trials to run next."""
