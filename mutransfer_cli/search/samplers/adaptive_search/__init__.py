"""The parts of the adaptive search: its start, its rounds, and what they know."""
