"""The plan of one tensor: the rules that hold for it, and the numbers that follow."""
