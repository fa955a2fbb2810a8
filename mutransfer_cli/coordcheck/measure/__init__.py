"""Measurements: train at several sizes, record, and probe each tensor."""
