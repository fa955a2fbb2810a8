"""The theory: tables and rules with their sources, and the planner that applies them."""
