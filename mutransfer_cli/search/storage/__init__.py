"""The study, its storage, the run directory."""
