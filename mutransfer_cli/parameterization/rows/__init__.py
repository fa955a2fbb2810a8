"""The parts of a parameterization's table: powers of width and depth, and their sources."""
