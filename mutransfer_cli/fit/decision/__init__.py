"""Decides: the hyperparameters for the target, whether they transfer, and what to run next."""
