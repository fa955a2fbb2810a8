"""The commented recipe that `mutransfer init` writes."""
