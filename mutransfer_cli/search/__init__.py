"""The sweep: samplers, pruners, executors, and the storage of its trials."""
