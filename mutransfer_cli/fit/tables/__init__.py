"""Tables of runs that were made elsewhere: from a file to observations or named numbers."""
