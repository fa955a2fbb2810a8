"""Rotary frequencies that a model rescales, which changes attention at every length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def rescaled_frequencies(hf_config: Any) -> Mapping[str, Any] | None:
    """A config's entries for rescaled frequencies; None where they are not rescaled.

    Args:
        hf_config: The Hugging Face config; None for other models.
    """
    if hf_config is None:
        return None
    config = hf_config.to_dict()
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return None if rope.get("rope_type", "default") == "default" else rope
