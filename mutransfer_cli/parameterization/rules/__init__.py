"""Rules that parameterizations share: learning rates, multipliers, horizon and exponents."""
