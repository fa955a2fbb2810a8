"""The statistics of a sweep: from observations to estimates with intervals."""
