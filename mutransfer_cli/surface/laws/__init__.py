"""Scaling laws: tables of runs in, parameters and predictions with intervals out."""
