"""The readouts of a model as operators from features to logits, with all that multiplies them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from torch import Tensor

from mutransfer_cli.models.loss import in_single_precision
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.family import Family


@dataclass(frozen=True, slots=True)
class Readout:
    """A layer that nothing follows.

    Attributes:
        name: Name of its weight.
        in_dims: The dimensions of the weight that are summed over.
        base_sizes: Size at the base of each dimension whose power the model multiplies it by.
        power: Exponent by which the model itself multiplies the layer, its input or its output.
        note: Why that is not known; None: it is.
    """

    name: str
    in_dims: tuple[int, ...] = ()
    base_sizes: Mapping[int, int] | None = None
    power: float = 0.0
    note: str | None = None

    def norms(self, weights: Tensor) -> Tensor:
        """RMS→∞ norms: the largest row norm times the root of the fan-in, times the own factor.

        Args:
            weights: The weights (K, …) of K models of one size.

        Returns:
            One norm for each model (K,).
        """
        shape = weights.shape[1:]
        summed = self.in_dims or tuple(range(1, len(shape)))
        values = in_single_precision(weights.detach())
        rows = values.square().sum([d + 1 for d in summed]).flatten(1).amax(1).sqrt()
        fan_in = prod(shape[d] for d in summed)
        growth = prod(shape[d] / size for d, size in (self.base_sizes or {}).items())
        norms: Tensor = rows * fan_in**0.5 * growth**self.power
        return norms


def readouts_of(family: Family) -> tuple[Readout, ...]:
    """The readouts that nothing follows; several where a model has several heads.

    Args:
        family: The traced model.
    """
    found = []
    for name in sorted(family.final_readouts):
        tensor = family.tensor(name)
        found.append(
            Readout(
                name,
                tensor.out_dims if tensor.role == "tied" else tensor.in_dims,
                {d: tensor.base_shape[d] for d in tensor.scaling_dims()},
                family.scale_powers.get(name, 0.0),
                family.scale_notes.get(name),
            )
        )
    return tuple(found)


def installed_factor(plan: Plan, name: str) -> float:
    """What a plan multiplies the result of a readout by: the logits' multiplier and its own.

    Args:
        plan: The plan of the model.
        name: Name of the readout's weight.
    """
    own = next((t.multiplier for t in plan.tensors if t.name == name), 1.0)
    return (plan.forward.get("logit_scale") or 1.0) * own
