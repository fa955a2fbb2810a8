"""Compares the numbers in a forward pass at two widths: powers of the width that a model applies.

A factor on the result of a layer, or on the weight itself, is that layer's. A factor on an
activation that other layers use without it is that of the layer that consumes it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod

from mutransfer_cli.tracing.activations.flows import Consumption, UseId
from mutransfer_cli.tracing.activations.width_factors import WidthFactors
from mutransfer_cli.tracing.roles import Trace
from mutransfer_cli.tracing.tensor_shape import TensorShape

SAME = 1e-4  # relative, between two growths
NICE = 1e-3  # distance from a multiple of 1/4 below which a power is taken for that multiple
CANNOT_TELL = (
    "the model multiplies it by a number that depends on the width, in more than one manner or "
    "before a function that is not linear; the numbers here assume that it does not"
)


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much the factors grow between two widths.

    Attributes:
        factors: Growth of the number by which each parameter's effect is multiplied.
        at_base: That number at the base.
        notes: By parameter, why its factor is unknown.
        outside: The part of the growth that the results of the parameter's module have.
    """

    factors: Mapping[str, float] = field(default_factory=dict)
    at_base: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, float] = field(default_factory=dict)


Part = tuple[Consumption, Consumption]  # the same consumption at the two widths
Grown = Mapping[UseId, frozenset[float]]  # growth of the factors of an activation's parts


def grown_factors(small: WidthFactors, big: WidthFactors) -> Growth:
    """The factors of all parameters that grow or shrink between two widths."""
    parts = matched(small.consumed, big.consumed)
    on_input, on_result, unknown = split_factors(parts, small.layers)
    growth: dict[UseId, float] = defaultdict(lambda: 1.0)
    value: dict[UseId, float] = defaultdict(lambda: 1.0)
    on_weight = {
        use: (big.weight_factors.get(use, factor) / factor, factor)
        for use, factor in small.weight_factors.items()
    }
    pairs = [(a.consumer, pair) for (a, _), pair in zip(parts, on_input, strict=True) if a.consumer]
    for use, (grown, at_base) in [*on_weight.items(), *on_result.items(), *pairs]:
        growth[use] *= grown
        value[use] *= at_base
    by_name: dict[str, list[float]] = defaultdict(list)
    values: dict[str, float] = {}
    as_matrix = {name for name, _ in small.matrices}
    for use in small.weight_factors:
        if use in small.matrices or use[0] not in as_matrix:  # a tied matrix: as the readout
            by_name[use[0]].append(growth[use])
            values.setdefault(use[0], value[use])
    notes = {use[0]: CANNOT_TELL for use in unknown if use[0]}
    notes |= {name: CANNOT_TELL for name, grown in by_name.items() if not agree(grown)}
    factors = {
        name: grown[0]
        for name, grown in by_name.items()
        if name not in notes and grown[0] > 0 and not agree([1.0, grown[0]])
    }
    outside = {
        use[0]: grown
        for (a, _) in parts
        for use, _ in a.flow.parts
        for grown, _ in [on_result.get(use, (1.0, 1.0))]
        if use[0] in factors and a.flow.module != small.layers[use] and not agree([1.0, grown])
    }
    return Growth(factors, {n: values[n] for n in factors}, notes, outside)


def matched(small: Sequence[Consumption], big: Sequence[Consumption]) -> list[Part]:
    """The consumptions that occur at both widths."""

    def by_key(consumed: Sequence[Consumption]) -> dict[Hashable, Consumption]:
        counts: Counter[Hashable] = Counter()
        keyed: dict[Hashable, Consumption] = {}
        for c in consumed:
            key = (c.consumer, c.at)
            keyed[(key, counts[key])] = c
            counts[key] += 1
        return keyed

    later = by_key(big)
    return [(c, later[key]) for key, c in by_key(small).items() if key in later]


def growth_of_parts(part: Part) -> Grown:
    """Growth of the factors on each part of an activation."""
    earlier: dict[UseId, list[float]] = defaultdict(list)
    later: dict[UseId, list[float]] = defaultdict(list)
    for found, consumption in zip((earlier, later), part, strict=True):
        for use, factor in sorted(consumption.flow.parts):
            found[use].append(factor)
    return {
        use: frozenset(
            y / x for x, y in zip_longest(xs, later[use], fillvalue=(xs + later[use])[-1]) if x
        )
        for use, xs in earlier.items()
        if use in later
    }


def split_factors(
    parts: Sequence[Part], layers: Mapping[UseId, str]
) -> tuple[list[tuple[float, float]], dict[UseId, tuple[float, float]], set[UseId]]:
    """Divide the factors on activations between the layers before and behind them.

    Args:
        parts: All consumptions at both widths.
        layers: For each use, name of the module that was running.

    Returns:
        For each consumption, the growth and the value of its consumer's factor; for each use, those
        of the factor on its result; and the uses for which they are unknown.
    """
    grown = [growth_of_parts(part) for part in parts]
    records: dict[UseId, list[int]] = defaultdict(list)
    for i, growths in enumerate(grown):
        for use in growths:
            records[use].append(i)
    kept = {
        use
        for use, found in records.items()
        if use[0] and not all(by_consumer(parts[i][0], layers[use]) for i in found)
    }
    while True:
        # what no layer consumes has no factor of a consumer, whatever made its other parts
        shared = [
            1.0 if part[0].consumer is None else shared_growth(growths, kept)
            for part, growths in zip(parts, grown, strict=True)
        ]
        own = {
            use: [g / (shared[i] or 1.0) for i in records[use] for g in grown[i][use]]
            for use in kept
        }
        bad = {use for use, growths in own.items() if not agree(growths)}
        if not bad:
            break
        kept -= bad
    unknown = {
        use
        for use in set(records) - kept
        for i in records[use]
        if parts[i][0].consumer is None and not parts[i][0].scale_free
        if not agree([1.0, *grown[i][use]])
    }
    disputed = (a.consumer for (a, _), g in zip(parts, shared, strict=True) if g is None)
    unknown.update(use for use in disputed if use is not None)
    on_result = {}
    for use, measured in own.items():
        first = parts[records[use][0]][0].flow.parts
        on_result[use] = (measured[0], next(factor for u, factor in first if u == use))
    on_input = [
        (g or 1.0, shared_value(part[0], kept) if g is not None else 1.0)
        for part, g in zip(parts, shared, strict=True)
    ]
    return on_input, on_result, unknown


def by_consumer(consumption: Consumption, layer: str) -> bool:
    """Whether the layer that consumes an activation multiplied it, in its own module."""
    at = consumption.flow.module
    return consumption.consumer is not None and at == consumption.at != layer


def shared_growth(grown: Grown, kept: Container[UseId]) -> float | None:
    """Growth of the factor that belongs to the consumer; None: the parts of its input disagree.

    Args:
        grown: Growth of the factors on the parts of its input.
        kept: The layers to which the factors on their results belong.
    """
    growths = [g for use, gs in grown.items() if use not in kept for g in gs]
    if not growths:
        return 1.0
    return growths[0] if agree(growths) else None


def shared_value(consumption: Consumption, kept: Container[UseId]) -> float:
    """One of the factors that belong to the consumer, at the base."""
    parts = sorted(consumption.flow.parts)
    return next((factor for use, factor in parts if use not in kept), 1.0)


def agree(growths: Iterable[float]) -> bool:
    """Whether numbers are the same up to rounding."""
    numbers = list(growths)
    return not numbers or max(numbers) - min(numbers) <= SAME * max(map(abs, numbers))


def power_of(growth: float, width_ratio: float) -> float:
    """The power of the width that a growth is."""
    power = math.log(growth) / math.log(width_ratio)
    nearest = round(4 * power) / 4
    return nearest if abs(power - nearest) < NICE else power


def width_ratio(tensors: Sequence[TensorShape], big: Trace) -> float:
    """The most common ratio of a growing dimension, by which the width grows."""
    ratios = Counter(big.shapes[t.name][d] / t.base_shape[d] for t in tensors for d in t.growing)
    return ratios.most_common(1)[0][0] if ratios else 1.0


def scale_powers(
    tensors: Sequence[TensorShape], growth: Mapping[str, float], big: Trace
) -> dict[str, float]:
    """For each tensor the power of the width by which the model itself multiplies its effect.

    T5, for example, multiplies the input of its tied readout by 1/√width.

    Args:
        tensors: All tensors.
        growth: Growth of each tensor's factor between the two widths.
        big: The model at the larger width.
    """
    overall = width_ratio(tensors, big)
    powers = {}
    for t in tensors:
        dims = t.scaling_dims()
        ratio = prod(big.shapes[t.name][d] / t.base_shape[d] for d in dims) if dims else overall
        if t.name in growth and ratio != 1.0:
            powers[t.name] = power_of(growth[t.name], ratio)
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
            powers[t.name] = power_of(growth, width)
    return powers
