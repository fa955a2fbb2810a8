"""Logs of a sweep's trials for experiment trackers."""
