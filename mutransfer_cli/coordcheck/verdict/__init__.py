"""From slopes to verdicts, findings and repairs."""
