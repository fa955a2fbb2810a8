"""Optimizers: their hyperparameters, the geometry of their updates, and their torch classes."""
