"""Results of a check, also in the formats of CI systems."""
