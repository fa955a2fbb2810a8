"""Fits a run or a table of runs: optima, drift, regret and verdict."""
