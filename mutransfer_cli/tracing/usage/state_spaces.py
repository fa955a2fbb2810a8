"""Roles of a state space's own tensors, for whose rates there is no published rule."""

from __future__ import annotations

from collections.abc import Iterable

from mutransfer_cli.catalog.roles import Role

TRANSITION = "A_log"  # Mamba's name, and that of the layers that follow it
OTHERS = ("D", "dt_bias")
STEP_SIZES = "dt_proj"


def state_space_roles(names: Iterable[str]) -> dict[str, Role]:
    """`fixed` for transition, skip and step size of every layer that has a transition.

    Transitions differ by an order of magnitude from head to head, and most code makes them 1, 2, …,
    heads: how far an update of one tensor reaches depends on the others, and on their number.

    Args:
        names: Names of all parameters.
    """
    every = tuple(names)
    layers = {n.removesuffix(TRANSITION) for n in every if n.split(".")[-1] == TRANSITION}
    own = {layer + name for layer in layers for name in (TRANSITION, *OTHERS)}
    projections = tuple(f"{layer}{STEP_SIZES}." for layer in layers)
    return {n: "fixed" for n in every if n in own or n.startswith(projections)}
