"""Scaling laws of tables of runs: from a file to the document of `law`."""
