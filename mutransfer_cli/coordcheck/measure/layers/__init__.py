"""The torch functions that use a parameter, recorded so that they can be run again."""
