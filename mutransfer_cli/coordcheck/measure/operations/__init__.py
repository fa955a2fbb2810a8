"""Tensors judged by the torch functions that use them inside of a module."""
