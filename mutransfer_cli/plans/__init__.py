"""Plans: applying one to a model, its optimizers, its files."""
