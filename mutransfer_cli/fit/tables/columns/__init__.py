"""What the columns of a table mean, by their names, their content and the options."""
