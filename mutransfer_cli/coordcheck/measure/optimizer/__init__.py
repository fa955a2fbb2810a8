"""Measurements on the optimizer: what kind it is, its weight decay and its epsilon."""
