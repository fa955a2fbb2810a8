"""The forms that a law can take, one module each."""
