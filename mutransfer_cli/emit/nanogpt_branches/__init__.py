"""What the two branches of nanoGPT-mup make of the values that they are given."""
