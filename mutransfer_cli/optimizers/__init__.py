"""Optimizers: hyperparameters, geometry of their updates, torch classes."""
