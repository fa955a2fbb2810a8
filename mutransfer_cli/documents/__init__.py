"""The JSON documents of all commands."""
