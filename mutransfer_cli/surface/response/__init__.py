"""The response surface: the loss as one function of all hyperparameters and all sizes."""
