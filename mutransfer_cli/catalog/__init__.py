"""Registries of everything that a recipe or the command line can name: one row per entry."""
