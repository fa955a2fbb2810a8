"""Where loss curves come from: the trials of a run, or a table."""
