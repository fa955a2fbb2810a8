"""How each torch function uses the parameters among its arguments."""
