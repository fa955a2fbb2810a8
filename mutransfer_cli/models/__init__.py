"""Proxies: built in, or a user's own callable, and the plan of a recipe."""
