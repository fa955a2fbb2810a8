"""A model family, traced at two sizes: the role, fans and growing dimensions of each tensor."""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn

from mutransfer_cli.catalog.roles import Role
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import Blocks
from mutransfer_cli.tracing.knobs import Knob, knobs_of
from mutransfer_cli.tracing.model_factors import grown_factors, lookup_powers, scale_powers
from mutransfer_cli.tracing.roles import (
    Attention,
    Gain,
    Shape,
    Trace,
    chosen_role,
    main_dims,
    role_of,
)
from mutransfer_cli.tracing.tensor_shape import TensorShape
from mutransfer_cli.tracing.tracer import trace
from mutransfer_cli.tracing.usage.grouped_uses import by_group, without_gated
from mutransfer_cli.tracing.usage.learned_tokens import resized_tokens, root_mean_square
from mutransfer_cli.tracing.usage.modulated_weights import as_weights
from mutransfer_cli.tracing.usage.state_spaces import state_space_roles

NO_BLOCKS = Blocks()
LAYERS = frozenset({"hidden", "convolution", "expert", "readout", "tied"})
BEHIND = frozenset({"input", "readout"})  # what may follow a gate or a bottleneck

log = logging.getLogger(__name__)


@dataclass(frozen=True)  # without slots: properties are cached, as plans ask for each tensor
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
        scale_powers: Exponents in width of the numbers by which the model multiplies a tensor, its
            input or its output; powers of its `scaling_dims`.
        scale_values: These numbers at the base.
        blocks: The blocks that repeat along the depth.
        lookup_powers: Exponents in width of the numbers by which the model multiplies lookups.
        scale_notes: Why such a number is unknown, by tensor.
        upstream: For each matrix, the parameters that its input depends on.
        readers: For each module, the parameters of every call that read its first argument.
        lookups: Modules whose output depends on nothing but lookups in embeddings.
        outside_powers: Exponents in width of the numbers by which the model multiplies the results
            of a tensor's module; a part of `scale_powers`.
        gains: By gain of weight normalization, what it multiplies.
        on_stream: Tensors of layers whose result is the residual stream, such as a norm behind the
            residual sum.
        growth: By further axis, the dimensions of each tensor that grow along it.
        frozen: Tensors that are not trained, among them those of no elements.
        beside: Those of them that reach nothing trained and that nothing trained reaches, as in a
            teacher that is an average of the model.
        resized: Learned tokens whose own init has another size at another width.
        axis_powers: By further axis, the exponents of its size in the numbers by which the model
            multiplies the result of a tensor.
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
    scale_values: Mapping[str, float] = field(default_factory=dict)
    scale_notes: Mapping[str, str] = field(default_factory=dict)
    upstream: Mapping[str, frozenset[str]] = field(default_factory=dict)
    readers: Mapping[str, Collection[frozenset[str]]] = field(default_factory=dict)
    lookups: Collection[str] = frozenset()
    outside_powers: Mapping[str, float] = field(default_factory=dict)
    gains: Mapping[str, Gain] = field(default_factory=dict)
    on_stream: frozenset[str] = frozenset()
    growth: Mapping[str, Mapping[str, Shape]] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    axis_powers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    resized: frozenset[str] = frozenset()

    def tensor(self, name: str) -> TensorShape:
        """The parameter of this name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, TensorShape]:
        return {t.name: t for t in self.tensors}

    def is_on_stream(self, name: str) -> bool:
        """Whether a tensor of a block, or its like in another block, acts on the stream itself."""
        position = self.blocks.position(name)
        if position is None:
            return name in self.on_stream and self.blocks.is_looped(name)
        return (position[0], position[2]) in self._kinds_on_stream

    @cached_property
    def _kinds_on_stream(self) -> frozenset[tuple[str, str]]:
        positions = (self.blocks.position(name) for name in self.on_stream)
        return frozenset((p[0], p[2]) for p in positions if p is not None)

    @cached_property
    def tied(self) -> bool:
        """Whether the readout is the embedding."""
        return any(t.role == "tied" for t in self.tensors)

    @cached_property
    def pretrained(self) -> bool:
        """Whether matrices of layers are frozen, as only in a model that was trained before.

        A new one freezes what it never trains: correction biases of routers, tables of positions,
        and copies of itself that are averaged, such as teachers and target networks.
        """
        within = self.frozen - self.beside
        return any(t.role in LAYERS and t.name in within for t in self.tensors)

    @cached_property
    def final_readouts(self) -> frozenset[str]:
        """Readouts and tied tensors that nothing follows, so no gates, routers or bottlenecks."""
        hidden = [t for t in self.tensors if t.role in {"hidden", "convolution", "expert"}]
        last = max((u.order for t in hidden for u in t.uses), default=-1)
        late = {
            t.name
            for t in self.tensors
            if t.role in {"readout", "tied"} and any(u.order > last for u in t.uses)
        }
        behind = [t.name for t in self.tensors if t.role in BEHIND]
        inside = frozenset[str]().union(*(self.upstream.get(name, ()) for name in behind))
        tied = {t.name for t in self.tensors if t.role == "tied"}
        return frozenset(late - (inside - tied) or late)


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


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause Python's search for cycles, which takes long while a trace keeps all its objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@collection_paused()
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
        InputError: No parameters, an ambiguous role, or models that are not one family.
    """
    model, run = base
    small, big = trace(model, run), trace(*other)
    if small.shapes.keys() != big.shapes.keys():
        name = min(small.shapes.keys() ^ big.shapes.keys())
        raise InputError(
            f"parameter {name} exists at one width but not at another, as where a single head "
            "needs no output projection; begin the ladder at a width that has it",
            path=("model",),
        )
    values = dict(model.named_parameters())
    if not values:
        raise InputError("it has no parameters, so there is nothing to plan", path=("model",))
    frozen = frozenset(n for n, p in values.items() if not (p.requires_grad and p.numel()))
    small.require_uses(() if roles else values.keys() - frozen)
    state_spaces, tensors = state_space_roles(small.shapes), []
    for name, shape in small.shapes.items():
        if len(shape) != len(big.shapes[name]):
            raise InputError(
                f"parameter {name} has a different number of dimensions at another width",
                path=("model",),
            )
        growing = tuple(
            d for d, (a, b) in enumerate(zip(shape, big.shapes[name], strict=True)) if a != b
        )
        # a dimension of none, such as that of no memories, does not grow
        ratios = [b / a if a else 1.0 for a, b in zip(shape, big.shapes[name], strict=True)]
        uses = without_gated(name, small.uses[name], big.uses[name], ratios)
        uses, share = by_group(uses, big.uses[name], shape)
        uses = as_weights(uses, frozenset(growing))
        free: Role | None = "vector" if 0 in shape else None  # of no elements: as good as any
        if free is None and not uses and name in frozen:
            free = "fixed"
        chosen = chosen_role(name, roles) or state_spaces.get(name) or free
        role = chosen or role_of(name, uses, frozenset(growing))
        into, out = main_dims(name, uses, shape, role, frozenset(growing))
        if 0 in shape:  # no product has it as a weight
            into = out = ()
        rms = root_mean_square(values[name].detach())
        tensors.append(TensorShape(name, role, shape, growing, into, out, rms, tuple(uses), share))
        log.debug("%s: %s, dimensions %s grow", name, role, growing)
    first, head_growth, scale_growth = _attention_growth(small, big)
    calls = small.attention[first : first + 1] + small.attention[:first]
    calls += small.attention[first + 1 :]
    growth = grown_factors(small.factors, big.factors)
    return Family(
        tuple(tensors),
        tuple(calls),
        head_growth,
        scale_growth,
        knobs_of(model),
        small.ends,
        scale_powers(tensors, growth.factors, big),
        blocks,
        lookup_powers(tensors, small, big),
        growth.at_base,
        growth.notes,
        {t.name: small.dependencies.upstream_of(t.name) for t in tensors if t.role in BEHIND},
        small.dependencies.readers,
        small.dependencies.lookups,
        scale_powers(tensors, growth.outside, big),
        small.gains,
        small.on_stream,
        frozen=frozen,
        beside=small.dependencies.beside(frozen),
        resized=resized_tokens(tensors, dict(other[0].named_parameters())),
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
            said = f"parameter {name} exists at the target but not at the base"
            raise InputError(said, path=("model",))
        if len(shape) != len(tensor.base_shape):
            said = f"parameter {name} has a different number of dimensions at the target"
            raise InputError(said, path=("model",))
        further = (dims.get(tensor.name, ()) for dims in family.growth.values())
        grown = {*tensor.growing, *(d for dims in further for d in dims)}
        for d, (size, base) in enumerate(zip(shape, tensor.base_shape, strict=True)):
            if size != base and d not in grown:
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
