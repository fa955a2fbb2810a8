"""What the proxies train on: one module per data source, opened in `opening`."""
