"""Options of commands, and what the shell completes."""
