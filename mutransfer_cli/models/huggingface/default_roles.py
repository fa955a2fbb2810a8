"""Roles of tensors that cannot be derived from their use."""

from __future__ import annotations

# A state space's own tensors, transition, skip and step size: no published rule; assumption.
STATE_SPACE = ("*.A_log", "*.D", "*.dt_proj.*", "*.dt_bias")


def default_roles(build: str) -> tuple[tuple[str, str], ...]:
    """Pairs of pattern and role that come after the recipe's own.

    Args:
        build: `model.build` of the recipe.
    """
    if "mamba" in build:
        return tuple((pattern, "fixed") for pattern in STATE_SPACE)
    return ()
