"""Roles of tensors, as tracing determines them and as recipes may assign them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal[
    "input", "hidden", "readout", "vector", "scalar", "tied", "convolution", "expert", "fixed"
]
ROLES: tuple[str, ...] = get_args(Role)


def selects(key: str, name: str, role: str) -> bool:
    """Whether a key selects a tensor: by its role, or by a pattern on its name."""
    return key == role or fnmatchcase(name, key) or (key == "embedding" and role == "input")
