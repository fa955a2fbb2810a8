"""Which arguments of a user's callable are its width, by its signature: for `init`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from inspect import Parameter
from math import lcm
from typing import Any

from mutransfer_cli.models.user_code import Builder

SURE = re.compile(
    r"width|dim|d_model|dim_model|model_dim|n_embd|n_embed|hidden|hidden_size|hidden_dim"
    r"|embed_dim|embedding_dim|hidden_channels|base_channels|latent_dim"
)
LIKELY = re.compile(
    r"(?!(?:in|out|input|output|image|img|patch|head|num|n)_)"
    r"(?:(?:\w+_)?(?:width|dim|hidden|channels|features|hidden_size)|d_ff|dim_feedforward)"
)
VOCABULARY = re.compile(r"(?:\w+_)?(?:vocab|vocab_size|vocabulary|tokens?|ntoken|symbols|chars)")
HEADS = re.compile(r"(?:(?:n|n_|num_)(?:attention_|attn_|kv_|key_value_)?heads?|(?:kv_)?heads)")
HEAD_SIZE = re.compile(r"(?:attention_|attn_)?(?:dim_head|head_dim|d_head|head_size|head_width)")
SMALLEST_WIDTH = 8
USUAL_HEAD_SIZE = 32  # where neither a default nor an argument says one
NARROWEST_RUNGS = (32, 128)  # from, to; beyond, a ladder takes too long on a CPU
DIVISOR = 8  # of every rung, as normalization by groups asks
BYTES = 256


@dataclass(frozen=True, slots=True)
class CallableArguments:
    """What a recipe passes to a callable.

    Attributes:
        width: By argument, how many times the width it is.
        fixed: Arguments that are the same at every size.
        signature: The callable's parameters as text; empty where it has no signature.
        narrowest: The smallest width of a ladder at which every number of heads is whole.
    """

    width: Mapping[str, float] = field(default_factory=lambda: {"width": 1})
    fixed: Mapping[str, int] = field(default_factory=dict)
    signature: str = ""
    narrowest: int = NARROWEST_RUNGS[0]


def arguments_of(builder: Builder) -> CallableArguments:
    """The arguments that are a callable's width, its numbers of heads, and its vocabulary.

    `width` where it takes that; else the first one with a usual name, and others whose defaults
    are widths too, in the proportion of the defaults (1 without defaults); else the only one that
    it requires. Heads grow in number, by the head size of the defaults.
    """
    try:
        signature = inspect.signature(builder)
    except (TypeError, ValueError):
        return CallableArguments()  # a callable of C without a signature
    text = str(signature.replace(return_annotation=signature.empty))
    named = {
        name: p.default
        for name, p in signature.parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and name not in ("self", "depth", "seed")
    }
    required = [name for name, default in named.items() if default is Parameter.empty]
    fixed = {name: BYTES for name in required if VOCABULARY.fullmatch(name)}
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()) or "width" in named:
        narrowest, heads = _heads(named, "width")
        return CallableArguments({"width": 1, **heads}, fixed, text, narrowest)
    usual = [
        name
        for name in named
        if (SURE.fullmatch(name) or LIKELY.fullmatch(name)) and not HEAD_SIZE.fullmatch(name)
    ]
    widths = {name: named[name] for name in usual if is_width(named[name])}
    sure = [n for n, d in named.items() if SURE.fullmatch(n) and (n in required or is_width(d))]
    rest = [name for name in required if name not in fixed]
    first = (sure or list(widths) or (rest if len(rest) == 1 else ["width"]))[0]
    unit = widths.pop(first, None)
    narrowest, heads = _heads(named, first)
    others = {name: _ratio(d, unit, narrowest) for name, d in widths.items()} if unit else {}
    unknown = {name: 1.0 for name in usual if name in rest and name != first}
    return CallableArguments({first: 1, **others, **unknown, **heads}, fixed, text, narrowest)


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
    sizes = [d for name, d in defaults.items() if HEAD_SIZE.fullmatch(name) and _is_count(d)]
    heads = {n: c for n, c in defaults.items() if HEADS.fullmatch(n)}
    known = {
        name: Fraction(count, unit)
        for name, count in heads.items()
        if isinstance(unit, int) and is_width(unit) and _is_count(count)
    }
    per_width: dict[str, Fraction] = {}
    for name, count in heads.items():
        if not (_is_count(count) or count is Parameter.empty):
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


def _is_count(default: object) -> bool:
    """Whether a default may be a number of heads or a head's size."""
    return isinstance(default, int) and not isinstance(default, bool) and default > 0


def is_width(default: object) -> bool:
    """Whether a default may be a number of features."""
    return isinstance(default, int) and not isinstance(default, bool) and default >= SMALLEST_WIDTH
