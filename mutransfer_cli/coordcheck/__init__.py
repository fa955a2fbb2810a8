"""Coordinate checks: training at several sizes, measurements, verdicts and repairs."""
