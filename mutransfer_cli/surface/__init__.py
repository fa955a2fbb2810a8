"""Statistics: observations in, estimates with intervals out."""
