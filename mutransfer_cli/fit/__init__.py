"""From a run or a table of runs to the answers: optima, drift, regret and verdict."""
