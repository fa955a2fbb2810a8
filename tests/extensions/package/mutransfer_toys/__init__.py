"""One entry of every kind that mutransfer can be extended by."""
