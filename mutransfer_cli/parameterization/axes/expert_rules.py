"""Mixtures of experts: how numbers follow the number, the share and the width of the experts.

A token's output is the sum over its k experts of g · down(act(up(x))), with gates g that sum to
one. Two rules for the sum over experts are published; under both, rates under Adam do not depend on
the number of experts or on k, and a matrix that sums over an expert's width M learns at 1/M.

  active-width  The k matrices `down` are one matrix over k·M features, followed by the gates, which
                are 1/k: its init is k · (k·M)^-1/2 (Complete-muE, arXiv 2605.23893, read in part:
                active-width muP with a normalized router scale). The output at init is constant
                while k·M is not larger than the model's width.
  averaged    init of `down` ∝ 1/M at any k, so that the output at init falls as (k·M)^-1/2: an
                average over ever more neurons (arXiv 2601.20205, table read at second hand; its
                limit keeps k/experts fixed).

arXiv 2605.14200 (abstract) finds that plain muP transfers unreliably where experts are summed, and
repairs it; its rows could not be read. `check --axis` measures what holds for a model.

Gradients: a share k/experts of the tokens reaches an expert, each behind a gate of 1/k. Those of
single tokens hardly agree, so that their sum grows with the root of that share (derived; measured
by the check under SGD).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mutransfer_cli.parameterization.axes.tensor_on_axis import AxisExponents, TensorOnAxis
from mutransfer_cli.tracing.family import Family

EXPERT_AXIS, ACTIVE_AXIS = "experts", "active_experts"
Part = Literal["up", "down", "router"]


def expert_count(family: Family) -> int | None:
    """The number of experts at the base, from the stacks of their matrices; None: no such stack."""
    stacked = [t for t in family.tensors if t.role == "expert"]
    for t in stacked:
        stack = set(range(len(t.base_shape))) - {*t.in_dims, *t.out_dims}
        if len(stack) == 1:
            return t.base_shape[stack.pop()]
    return None


def part_of(at: TensorOnAxis) -> Part | None:
    """What a tensor does in a mixture of experts; None: it is not a part of one."""
    tensor, family = at.tensor, at.family
    stacked = tensor.role == "hidden" and tensor.name in family.growth.get(EXPERT_AXIS, {})
    if tensor.role == "expert" or stacked:
        return "down" if tensor.name in family.ends else "up"
    count = expert_count(family)
    inner = tensor.role == "readout" and tensor.name not in family.final_readouts
    is_router = inner and tensor.fans(tensor.base_shape)[1] == count
    return "router" if is_router else None


@dataclass(frozen=True, slots=True)
class ExpertsRule:
    """Along the number of experts: a smaller share of the tokens reaches each."""

    def exponents(self, at: TensorOnAxis) -> AxisExponents:
        """See `TensorRule`."""
        part = part_of(at)
        grows = at.tensor.name in at.family.growth.get(EXPERT_AXIS, {})
        is_bias = at.tensor.role == "vector" and grows and not at.grows_out
        if (part is None and not is_bias) or (part == "up" and at.grows_out):
            return AxisExponents()  # one matrix onto all experts: its fan-out counts them
        return AxisExponents(
            gradient=-0.5, why="a share k/experts of the tokens: gradient ∝ m^-1/2"
        )


@dataclass(frozen=True, slots=True)
class ActiveExpertsRule:
    """Along the experts of a token: `down` is one matrix over all of them."""

    def exponents(self, at: TensorOnAxis) -> AxisExponents:
        """See `TensorRule`."""
        part = part_of(at)
        if part is None:
            return AxisExponents()
        shared = AxisExponents(
            gradient=-0.5, why="gates of 1/k and m times the tokens: gradient ∝ m^-1/2"
        )
        if at.config.experts == "averaged":
            return shared
        if part == "down":
            init = "k terms behind gates of 1/k: init ∝ m^1/2"
            return replace(shared, init=0.5, why=f"{init}; {shared.why}")
        return AxisExponents()  # `down` is larger by m^1/2, which the gradient sees


@dataclass(frozen=True, slots=True)
class ExpertWidthRule:
    """Along the width of each expert: by the fans, which `averaged` averages over."""

    def exponents(self, at: TensorOnAxis) -> AxisExponents:
        """See `TensorRule`."""
        part = part_of(at)
        if part == "down" and at.config.experts == "averaged":
            return AxisExponents(init=-0.5, why="an average over neurons: init ∝ 1/fan_in")
        if part == "up" and at.config.experts == "active-width":
            # by its fan-out the gradient of `up` would fall as 1/m; `down` has entries of m^-1/2
            return AxisExponents(gradient=0.5, why="behind `down` of a fixed fan-out")
        return AxisExponents()


EXPERTS, ACTIVE_EXPERTS, EXPERT_WIDTH = ExpertsRule(), ActiveExpertsRule(), ExpertWidthRule()
