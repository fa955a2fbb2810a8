"""Training of trials, one by one or as populations."""
