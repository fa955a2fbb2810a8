"""What a recipe or the command line can name: a registry for each kind, a row an entry."""
