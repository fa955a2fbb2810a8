"""How well hyperparameters transfer: its quality, what tuning buys, which proxy suffices."""
