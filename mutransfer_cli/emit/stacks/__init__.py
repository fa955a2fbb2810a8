"""One module per target stack."""
