"""One module per command: parse, call one function of a room, render."""
