"""The theory: roles, parameterizations, the plan, and applying it."""
