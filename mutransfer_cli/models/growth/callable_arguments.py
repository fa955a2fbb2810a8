"""Which arguments of a user's callable are its width, by its signature: for `init`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from inspect import Parameter
from math import lcm
from typing import Any

from mutransfer_cli.models.growth.argument_names import (
    CAUSAL,
    CLASSES,
    CONTEXT,
    DEPTH,
    DROPOUT,
    HEAD_SIZE,
    HEADS,
    IMAGE,
    IMAGE_CHANNELS,
    INPUTS,
    LIKELY,
    OUTPUTS,
    PATCH,
    SURE,
    VOCABULARY,
    is_count,
    is_width,
)
from mutransfer_cli.models.user_code import Builder
from mutransfer_cli.recipe.schema.data import Data
from mutransfer_cli.recipe.starter.callable_template import (
    IMAGE_SIDE,
    LAYERS,
    NARROWEST,
    CallableArguments,
)

USUAL_HEAD_SIZE = 32  # where neither a default nor an argument says one
NARROWEST_RUNGS = (NARROWEST, 128)  # from, to; beyond, a ladder takes too long on a CPU
DIVISOR = 8  # of every rung, as normalization by groups asks
BYTES = 256
PATCH_SIDE = 8  # at most: 16 patches of an image
RGB = 3
TEN_CLASSES = 10
VECTOR = 32  # numbers of an input, where nothing else says it
LONG_SIGNATURE = 400  # characters; a longer one is shown without its types
SEQ_LEN: int = Data.model_fields["seq_len"].default


def arguments_of(builder: Builder) -> CallableArguments:
    """The arguments that are a callable's sizes, and those that its data say, by its signature."""
    try:
        signature = inspect.signature(builder)
    except (TypeError, ValueError):
        return CallableArguments()  # a callable of C without a signature
    named = {
        name: p.default
        for name, p in signature.parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and name not in ("self", "depth", "seed")
    }
    required = [name for name, default in named.items() if default is Parameter.empty]
    fixed = _from_data(named)
    layered = signature.parameters.get("depth")
    depth, layers = _depth(named)
    if layered is not None:
        depth, layers = {}, layered.default if is_count(layered.default) else LAYERS
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    rest = [name for name in required if name not in fixed and name not in depth]
    narrowest, width = _width(named, rest, open_ended)
    missing = tuple(name for name in rest if name not in width)
    channels = _channels({**named, **fixed}) if _sees_images(named) else None
    return CallableArguments(
        width, fixed, _shown(signature), narrowest, depth, layers, missing, channels
    )


def _shown(signature: inspect.Signature) -> str:
    """The parameters as text; without their types where those are long, as numpy's are."""
    text = str(signature.replace(return_annotation=signature.empty))
    if len(text) <= LONG_SIGNATURE:
        return text
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(plain))


def _sees_images(named: Iterable[str]) -> bool:
    """Whether an argument is the size of an image."""
    return any(IMAGE.fullmatch(name) for name in named)


def _channels(values: Mapping[str, Any]) -> int:
    """The channels of the images, by the argument that says them."""
    said = [d for name, d in values.items() if IMAGE_CHANNELS.fullmatch(name) and is_count(d)]
    return said[0] if said else RGB


def _from_data(named: Mapping[str, Any]) -> dict[str, float]:
    """The arguments that the default data say: a vocabulary of bytes, the length of a sequence.

    A model of tokens that is not causal by default is made so, since it predicts the next one.
    One of images gets small ones, one of vectors short ones; nothing is dropped by default.
    """
    required = [name for name, default in named.items() if default is Parameter.empty]
    undropped = {name: 0.0 for name in required if DROPOUT.fullmatch(name)}
    if _sees_images(named):
        return {**_from_images(named), **undropped}
    tokens = any(VOCABULARY.fullmatch(name) for name in named)
    fixed = {} if tokens else _from_vectors(required)
    for name, default in named.items():
        if VOCABULARY.fullmatch(name) and (default is Parameter.empty or default is None):
            fixed[name] = BYTES
        elif CONTEXT.fullmatch(name) and default is Parameter.empty:
            fixed[name] = SEQ_LEN
        elif tokens and CAUSAL.fullmatch(name) and default is False:
            fixed[name] = True
    return {**fixed, **undropped}


def _from_vectors(required: Sequence[str]) -> dict[str, float]:
    """The required arguments of a model of vectors: how many numbers it takes and returns."""
    fixed: dict[str, float] = {}
    for name in required:
        if INPUTS.fullmatch(name):
            fixed[name] = VECTOR
        elif OUTPUTS.fullmatch(name) or CLASSES.fullmatch(name):
            fixed[name] = TEN_CLASSES
    return fixed if any(map(INPUTS.fullmatch, required)) else {}


def _from_images(named: Mapping[str, Any]) -> dict[str, float]:
    """The arguments of a model of images: small ones, in a few patches, of ten classes."""
    fixed: dict[str, float] = {}
    for name, default in named.items():
        required = default is Parameter.empty
        if IMAGE.fullmatch(name):
            fixed[name] = IMAGE_SIDE
        elif PATCH.fullmatch(name) and (required or (is_count(default) and default > PATCH_SIDE)):
            fixed[name] = PATCH_SIDE
        elif IMAGE_CHANNELS.fullmatch(name) and required:
            fixed[name] = RGB
        elif CLASSES.fullmatch(name) and required:
            fixed[name] = TEN_CLASSES
    return fixed


def _depth(named: Mapping[str, Any]) -> tuple[dict[str, float], int]:
    """The numbers of layers, those with the default of the first or none, and that default."""
    counts = {
        name: default
        for name, default in named.items()
        if DEPTH.fullmatch(name) and (default is Parameter.empty or is_count(default))
    }
    layers = next((d for d in counts.values() if d is not Parameter.empty), LAYERS)
    return {n: 1.0 for n, d in counts.items() if d in (Parameter.empty, layers)}, layers


def _width(
    named: Mapping[str, Any], rest: Sequence[str], open_ended: bool
) -> tuple[int, dict[str, float]]:
    """The narrowest rung; and by argument, how many times the width it is.

    `width` where it takes that; else the first one with a usual name, and others whose defaults
    are widths too, in the proportion of the defaults (1 without defaults); else the only one that
    it requires. Heads grow in number, by the head size of the defaults.

    Args:
        named: The defaults by argument.
        rest: The required arguments that nothing else gives.
        open_ended: It takes further arguments by any name.
    """
    images = _sees_images(named)
    usual = [
        name
        for name in named
        if (SURE.fullmatch(name) or LIKELY.fullmatch(name))
        and not HEAD_SIZE.fullmatch(name)
        and not (images and IMAGE_CHANNELS.fullmatch(name))
    ]
    widths = {name: named[name] for name in usual if is_width(named[name])}
    sure = [n for n, d in named.items() if SURE.fullmatch(n) and (n in rest or is_width(d))]
    only = rest if len(rest) == 1 and not open_ended else ["width"]
    first = "width" if "width" in named else (sure or list(widths) or only)[0]
    narrowest, heads = _heads(named, first)
    if first == "width":
        return narrowest, {"width": 1, **heads}
    unit = widths.pop(first, None)
    others = {name: _ratio(d, unit, narrowest) for name, d in widths.items()} if unit else {}
    unknown = {name: 1.0 for name in usual if name in rest and name != first}
    return narrowest, {first: 1, **others, **unknown, **heads}


def _ratio(default: int, unit: int, narrowest: int) -> float:
    """A default per unit of width, so that it is whole at every rung; 1365 of 512 are 85 of 32."""
    return (round(default * narrowest / unit) or default * narrowest / unit) / narrowest


def _heads(defaults: Mapping[str, Any], width: str) -> tuple[int, dict[str, float]]:
    """The narrowest rung, and the heads per unit of width by argument.

    The head size is that of the defaults; else the default of an argument that is one; else, where
    the number of heads is required, the usual one. There are no heads where none of these says it,
    or where only a wide rung has a whole number of each.
    """
    unit = defaults.get(width)
    sizes = [d for name, d in defaults.items() if HEAD_SIZE.fullmatch(name) and is_count(d)]
    heads = {n: c for n, c in defaults.items() if HEADS.fullmatch(n)}
    known = {
        name: Fraction(count, unit)
        for name, count in heads.items()
        if isinstance(unit, int) and is_width(unit) and is_count(count)
    }
    per_width: dict[str, Fraction] = {}
    for name, count in heads.items():
        if not (is_count(count) or count is Parameter.empty):
            continue
        if name in known:
            per_width[name] = known[name]
        elif known:  # the same number as of the others, which key-value heads must divide
            per_width[name] = min(known.values())
        elif sizes:
            per_width[name] = Fraction(1, sizes[0])
        elif count is Parameter.empty:
            per_width[name] = Fraction(1, USUAL_HEAD_SIZE)
        else:
            return NARROWEST_RUNGS[0], {}
    least, most = NARROWEST_RUNGS
    step = lcm(DIVISOR, *(ratio.denominator for ratio in per_width.values()))
    narrowest = step * -(-least // step)
    if narrowest > most:
        return least, {}
    return narrowest, {name: float(ratio) for name, ratio in per_width.items()}
