"""The recipe's sections, one module each."""
