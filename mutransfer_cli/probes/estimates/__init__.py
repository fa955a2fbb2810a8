"""Estimates that several probes share."""
