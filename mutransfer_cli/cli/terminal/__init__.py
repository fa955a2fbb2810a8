"""How anything is shown: lines, tables, progress, and what reaches standard output."""
