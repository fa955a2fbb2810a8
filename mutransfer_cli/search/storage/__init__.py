"""The study and its storage, and the run directory."""
