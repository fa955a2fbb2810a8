"""Which engine trains trials of one size fastest on a device."""
