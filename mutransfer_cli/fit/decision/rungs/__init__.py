"""What the runs show about each rung."""
