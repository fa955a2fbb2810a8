"""A study as arrays: coordinates of hyperparameters, axes of sizes, and the response surface."""
