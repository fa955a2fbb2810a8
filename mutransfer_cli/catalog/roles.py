"""Roles of tensors, as tracing determines them and as recipes may assign them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal[
    "input", "hidden", "readout", "vector", "scalar", "tied", "convolution", "expert", "fixed"
]
ROLES: tuple[str, ...] = get_args(Role)
