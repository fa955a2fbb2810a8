"""Training data: one module per data source, opened in `opening`."""
