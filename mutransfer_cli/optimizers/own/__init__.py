"""Optimizer classes of a user: their geometry is measured, and matched with a known one."""
