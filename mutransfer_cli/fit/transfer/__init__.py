"""The quality of a transfer, its comparison with another one, proxies that suffice, hygiene."""
