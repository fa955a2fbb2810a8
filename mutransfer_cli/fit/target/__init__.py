"""The target of a study: its sizes, and what the rungs support there."""
