"""The recipe: its schema, loading with line and column in every error, overrides, templates."""
