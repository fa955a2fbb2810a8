"""What is probed: the proxies of a recipe or run, or what a user's callable builds."""
