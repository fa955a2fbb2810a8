"""What parameterizations share: powers, the derivation of rates, depth, horizon, exponents."""
