"""What is wrong with a recipe beyond the type of a single key."""
