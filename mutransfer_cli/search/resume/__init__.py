"""Opens the study of a sweep that may have been started before."""
