"""Rules that parameterizations share: powers, learning rates, depth, horizon and exponents."""
