"""What a proxy trains on."""
