"""Which arguments of a user's callable are its width, by its signature: for `init`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
SMALLEST_WIDTH = 8
NARROWEST_RUNG = 32  # of the ladder that `init` writes for callables
BYTES = 256


@dataclass(frozen=True, slots=True)
class CallableArguments:
    """What a recipe passes to a callable.

    Attributes:
        width: By argument, how many times the width it is.
        fixed: Arguments that are the same at every size.
        signature: The callable's parameters as text; empty where it has no signature.
    """

    width: Mapping[str, float] = field(default_factory=lambda: {"width": 1})
    fixed: Mapping[str, int] = field(default_factory=dict)
    signature: str = ""


def arguments_of(builder: Builder) -> CallableArguments:
    """The arguments that are a callable's width, its numbers of heads, and its vocabulary.

    `width` where it takes that; else the first one with a usual name, and others whose defaults
    are widths too, in the proportion of the defaults (1 without defaults); else the only one that
    it requires. Heads grow in number where the defaults give a head size that fits every rung.
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
    required = [name for name, default in named.items() if default is inspect.Parameter.empty]
    fixed = {name: BYTES for name in required if VOCABULARY.fullmatch(name)}
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()) or "width" in named:
        return CallableArguments({"width": 1, **_heads(named, "width")}, fixed, text)
    usual = [name for name in named if SURE.fullmatch(name) or LIKELY.fullmatch(name)]
    widths = {name: named[name] for name in usual if is_width(named[name])}
    sure = [n for n, d in named.items() if SURE.fullmatch(n) and (n in required or is_width(d))]
    rest = [name for name in required if name not in fixed]
    first = (sure or list(widths) or (rest if len(rest) == 1 else ["width"]))[0]
    unit = widths.pop(first, None)
    others = {name: d / unit for name, d in widths.items()} if unit else {}
    unknown = {name: 1.0 for name in usual if name in rest and name != first}
    heads = _heads(named, first)
    return CallableArguments({first: 1, **others, **unknown, **heads}, fixed, text)


def _heads(defaults: Mapping[str, Any], width: str) -> dict[str, float]:
    """Heads per unit of width, by argument, that keep the head size of the defaults.

    None where a rung has no whole number of them.
    """
    unit = defaults.get(width)
    counts = {
        name: count
        for name, count in defaults.items()
        if HEADS.fullmatch(name) and isinstance(count, int) and not isinstance(count, bool)
    }
    if not isinstance(unit, int) or not is_width(unit):
        return {}
    if any(count < 1 or count * NARROWEST_RUNG % unit for count in counts.values()):
        return {}
    return {name: count / unit for name, count in counts.items()}


def is_width(default: object) -> bool:
    """Whether a default may be a number of features."""
    return isinstance(default, int) and not isinstance(default, bool) and default >= SMALLEST_WIDTH
