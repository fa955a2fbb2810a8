"""What lm-engine wants besides the numbers of the plan, and how it groups its parameters."""
