"""Laws of optima: the optimum of each size, and power laws of optima."""
