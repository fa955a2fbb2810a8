"""Measurements: training at several sizes, recording, probing each tensor."""
