"""Plans: their data, applying them to models and optimizers, and their files."""
