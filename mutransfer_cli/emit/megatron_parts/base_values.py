"""What Megatron is given."""

from __future__ import annotations

from typing import NamedTuple

Argument = tuple[str, object, str]  # option, value (None: it takes none), comment


class BaseValues(NamedTuple):
    """What Megatron is given, at the base."""

    std: float
    lr: float
    weight_decay: float
    eps: float
    embedding_std: float
