"""Selection of the engine that trains trials of one size fastest on a device."""
