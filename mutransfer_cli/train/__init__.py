"""Training one trial under a plan."""
