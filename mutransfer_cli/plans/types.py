"""What a plan holds, as plain data: no torch, no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mutransfer_cli.catalog.axes import multipliers

Sizes = Mapping[str, int]  # width, depth, batch, steps


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """One tensor's numbers at the target, absolute, as torch's optimizers take them.

    name, shape: of the parameter. role: what the forward pass uses it as: input, hidden, readout,
    vector, scalar, tied, convolution, expert or fixed. growing: the dimensions that grow with the
    width. fan_in: entries summed over (1: a lookup, a vector). lr: per step, at the peak.
    weight_decay: a step takes off lr × weight_decay. source: paper and table of the rule.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    base_shape: tuple[int, ...]
    growing: tuple[int, ...]
    fan_in: int
    fan_out: int
    init: str  # normal | zero | keep (as the model has it) | rescale (the model's own, to init_std)
    init_std: float | None  # None: the model's own init is kept
    multiplier: float  # forward multiplier of this tensor, beside those in Plan.forward
    lr: float
    weight_decay: float
    eps: float | None  # None: the optimizer has none
    source: str
    optimizer: str = ""  # which one trains it; muon leaves some tensors to adamw
    why: str = ""  # the derivation, in a line


@dataclass(frozen=True, slots=True)
class Site:
    """Where a forward multiplier is put: a float attribute, or hooks on modules."""

    how: str  # attribute | input | output
    modules: tuple[str, ...] = ()
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class PlanData:
    """The numbers of a plan; `Plan` adds what is done with them."""

    tensors: tuple[TensorPlan, ...]
    forward: Mapping[str, float | None]  # attention_scale, residual_scale, logit_scale, ...
    sites: Mapping[str, Site]
    form: str  # multiplier | absorbed
    parameterization: str
    optimizer: str  # sgd | adam | adamw | lion | adafactor | muon | shampoo | soap
    betas: tuple[float, float]
    momentum: float
    clip: float | None  # threshold of the global gradient norm
    base: Sizes
    target: Sizes
    nesterov: bool = False

    @property
    def multipliers(self) -> dict[str, float]:
        """The ratios target/base along each axis; duration is that of the examples seen."""
        return multipliers(self.base, self.target)

    def tensor(self, name: str) -> TensorPlan:
        """The line of one tensor; KeyError if there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)
