"""A model family, traced at two sizes: the role, fans and growing dimensions of each tensor."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from torch import nn

from mutransfer_cli.catalog.roles import Role
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import Blocks
from mutransfer_cli.tracing.knobs import Knob, knobs_of
from mutransfer_cli.tracing.roles import (
    Attention,
    Shape,
    Trace,
    Use,
    by_group,
    chosen_role,
    main_dims,
    role_of,
)
from mutransfer_cli.tracing.tracer import trace

NO_BLOCKS = Blocks()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A parameter of the family: what is common to all sizes, and its shape at the base.

    Attributes:
        name: Name of the parameter at the base.
        role: The parameter's role in the forward pass.
        base_shape: Shape at the base.
        growing: The dimensions that grow with the width.
        in_dims: The dimensions that are summed over.
        out_dims: The dimensions that are kept in the result.
        base_rms: Root mean square at the base, as the model's own code initializes it.
        uses: All its uses in the forward pass.
        share: Fraction of the entries along `in_dims` that one output sums over.
    """

    name: str
    role: Role
    base_shape: Shape
    growing: tuple[int, ...]
    in_dims: tuple[int, ...]
    out_dims: tuple[int, ...]
    base_rms: float
    uses: tuple[Use, ...]
    share: float = 1.0

    def fans(self, shape: Shape) -> tuple[int, int]:
        """Fan-in and fan-out for a shape; the fan-in of a one-hot lookup is 1."""
        fan_in, fan_out = (prod(shape[d] for d in ds) for ds in (self.in_dims, self.out_dims))
        return round(fan_in * self.share), round(fan_out / self.share)


@dataclass(frozen=True, slots=True)
class Family:
    """What two traced instances show about a model at all its sizes.

    Attributes:
        tensors: All parameters.
        attention: Calls of attention at the base; first the one of `scale_growth`.
        head_growth: Head size at the larger size divided by that at the base.
        scale_growth: Scale of q·k at the larger size divided by that at the base, with the norms of
            normalized q and k; of the call that deviates most from a constant head size × scale.
        knobs: Multipliers that the model offers as attributes.
        ends: Tensors that end a residual branch.
        scale_powers: Exponents in width of the numbers by which the model multiplies the input of
            a tensor.
        blocks: The blocks that repeat along the depth.
        lookup_powers: Exponents in width of the numbers by which the model multiplies lookups.
    """

    tensors: tuple[TensorShape, ...]
    attention: tuple[Attention, ...]
    head_growth: float
    scale_growth: float
    knobs: Mapping[str, Knob]
    ends: frozenset[str]
    scale_powers: Mapping[str, float]
    blocks: Blocks = NO_BLOCKS
    lookup_powers: Mapping[str, float] = field(default_factory=dict)

    def tensor(self, name: str) -> TensorShape:
        """The parameter of this name."""
        return next(t for t in self.tensors if t.name == name)

    @property
    def tied(self) -> bool:
        """Whether the readout is the embedding."""
        return any(t.role == "tied" for t in self.tensors)

    @property
    def final_readouts(self) -> frozenset[str]:
        """Readouts and tied tensors used after every hidden matrix, so not routers."""
        hidden = [t for t in self.tensors if t.role in {"hidden", "convolution", "expert"}]
        last = max((u.order for t in hidden for u in t.uses), default=-1)
        return frozenset(
            t.name
            for t in self.tensors
            if t.role in {"readout", "tied"} and any(u.order > last for u in t.uses)
        )


def _attention_growth(small: Trace, other: Trace) -> tuple[int, float, float]:
    """Of the most suspicious call of attention: its index, and the growth of head size and scale.

    Scales are compared with constant ones where heads are of a fixed size, else with each other.
    """
    if not small.attention or len(small.attention) != len(other.attention):
        return 0, 1.0, 1.0
    growths = [
        (i, b.head_size / a.head_size, (b.scale * b.norm) / (a.scale * a.norm))
        for i, (a, b) in enumerate(zip(small.attention, other.attention, strict=True))
        if a.scale * a.norm
    ]

    def suspicion(growth: tuple[int, float, float]) -> float:
        _, heads, scale = growth
        return abs(math.log(abs(scale * heads)))

    return max(growths, key=suspicion, default=(0, 1.0, 1.0))


def scale_powers(tensors: Sequence[TensorShape], big: Trace) -> dict[str, float]:
    """For each tensor the power of the width by which the model itself multiplies its input.

    T5, for example, multiplies the input of its tied readout by 1/√width.
    """
    powers = {}
    for t in tensors:
        later = {u.function: u.scale for u in big.uses[t.name]}
        for use in t.uses:
            growth = later.get(use.function, use.scale) / use.scale
            dims = use.in_dims or use.out_dims
            width = prod(big.shapes[t.name][d] / t.base_shape[d] for d in dims)
            if growth != 1.0 and width != 1.0 and growth > 0:
                powers[t.name] = math.log(growth) / math.log(width)
    return powers


def lookup_powers(tensors: Sequence[TensorShape], small: Trace, big: Trace) -> dict[str, float]:
    """For each embedding the power of the width by which the model multiplies its lookups.

    Gemma, for example, multiplies its embeddings by √width.
    """
    powers = {}
    for t in tensors:
        if t.name not in small.after or t.name not in big.after:
            continue
        growth = big.after[t.name] / small.after[t.name]
        dims = next(u.out_dims for u in t.uses if u.kind == "lookup")
        width = prod(big.shapes[t.name][d] / t.base_shape[d] for d in dims)
        if growth != 1.0 and width != 1.0 and growth > 0:
            powers[t.name] = math.log(growth) / math.log(width)
    return powers


def family_of(
    base: tuple[nn.Module, Callable[[], object]],
    other: tuple[nn.Module, Callable[[], object]],
    roles: Sequence[tuple[str, str]] = (),
    blocks: Blocks = NO_BLOCKS,
) -> Family:
    """Trace a model at the base and at one other width.

    Args:
        base: The model at the base, and a call of its forward pass.
        other: The model at another width, and a call of its forward pass.
        roles: Ordered pairs of a pattern and the role of the tensors that it matches.
        blocks: The blocks that repeat along the depth, if known.

    Raises:
        InputError: The role of a tensor is ambiguous, or the models are not one family.
    """
    model, run = base
    small, big = trace(model, run), trace(*other)
    if small.shapes.keys() != big.shapes.keys():
        name = min(small.shapes.keys() ^ big.shapes.keys())
        raise InputError(
            f"parameter {name} exists at one width but not at another", path=("model",)
        )
    values = dict(model.named_parameters())
    tensors = []
    for name, shape in small.shapes.items():
        if len(shape) != len(big.shapes[name]):
            raise InputError(
                f"parameter {name} has a different number of dimensions at another width",
                path=("model",),
            )
        growing = tuple(
            d for d, (a, b) in enumerate(zip(shape, big.shapes[name], strict=True)) if a != b
        )
        uses, share = by_group(small.uses[name], big.uses[name], shape)
        role = chosen_role(name, roles) or role_of(name, uses, frozenset(growing))
        into, out = main_dims(name, uses, shape, role, frozenset(growing))
        rms = float(values[name].detach().float().square().mean().sqrt())
        tensors.append(TensorShape(name, role, shape, growing, into, out, rms, tuple(uses), share))
        log.debug("%s: %s, dimensions %s grow", name, role, growing)
    first, head_growth, scale_growth = _attention_growth(small, big)
    calls = small.attention[first : first + 1] + small.attention[:first]
    calls += small.attention[first + 1 :]
    return Family(
        tuple(tensors),
        tuple(calls),
        head_growth,
        scale_growth,
        knobs_of(model),
        small.ends,
        scale_powers(tensors, big),
        blocks,
        lookup_powers(tensors, small, big),
    )


def match_tensors(family: Family, shapes: Mapping[str, Shape]) -> dict[str, TensorShape]:
    """The family's tensor for each tensor of a model, which may be deeper than the base.

    Raises:
        InputError: No model of these shapes belongs to the family.
    """
    known = {t.name: t for t in family.tensors}
    matched: dict[str, TensorShape] = {}
    for name, shape in shapes.items():
        tensor = known.get(family.blocks.at_base(name))
        if tensor is None:
            raise InputError(
                f"parameter {name} exists at the target but not at the base", path=("model",)
            )
        if len(shape) != len(tensor.base_shape):
            raise InputError(
                f"parameter {name} has a different number of dimensions at the target",
                path=("model",),
            )
        for d, (size, base) in enumerate(zip(shape, tensor.base_shape, strict=True)):
            if size != base and d not in tensor.growing:
                raise InputError(
                    f"dimension {d} of {name} is {size} at the target and {base} at the "
                    "base, but does not grow between the proxies; give them the same value",
                    path=("model",),
                )
        matched[name] = tensor
    reached = {t.name for t in matched.values()}
    for name in known:
        if name not in reached and family.blocks.position(name) is None:
            raise InputError(f"parameter {name} is missing at the target", path=("model",))
    return matched
