"""Proxies for a Hugging Face model: the narrowest sizes that keep its head size and ratios."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import gcd
from typing import Any

from mutransfer_cli.catalog.sources import BYTES
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.huggingface.config_entries import (
    FURTHER_HEAD_COUNTS,
    HEAD_COUNT,
    HEAD_SIZE,
    HIDDEN_SIZE,
    KEY_HEAD_COUNT,
    LAYER_COUNT,
    entries_that_follow,
    first_entry,
    known_config,
)
from mutransfer_cli.recipe.starter.template import DIGIT_SIDE, ProxyLadder

log = logging.getLogger(__name__)

MIN_PROXY_WIDTH = 64  # narrower models are too far from the infinite-width limit
MAX_PROXY_WIDTH = 1024  # unless two rungs need more
PROXY_DEPTH = 4
PROXY_HEAD_SIZE = 16
TARGET_RATIO = 16  # target width over that of the widest rung, if there is no target yet


def ladder_of(model: str) -> ProxyLadder:
    """Base and ladder for `hf:TYPE` or `hf:config.json`.

    A file describes an existing target, whose head size and ratios are kept. A type is only a
    starting point, so its proxies have small heads.

    Raises:
        InputError: transformers cannot make a config of the type or file, or its hidden size is
            not known here.
    """
    known = known_config(model.removeprefix("hf:"))
    values, from_file = known.values, known.from_file
    hidden_size = first_entry(values, HIDDEN_SIZE)
    if hidden_size is None:
        raise InputError(
            f"--model {model}: its config has no hidden size that is known here ("
            f"{', '.join(HIDDEN_SIZE)}); use package.module:callable with your own builder"
        )
    width = values[hidden_size]
    depth = values.get(first_entry(values, LAYER_COUNT) or "", 2)
    dense = values.get("first_k_dense_replace") or 0  # DeepSeek's blocks without experts
    images = isinstance(values.get("image_size"), int)
    args: dict[str, object] = {}
    head_count, head_size = first_entry(values, HEAD_COUNT), first_entry(values, HEAD_SIZE)
    head = 1
    if head_count:
        head = values[head_size] if head_size else width // values[head_count]
    latent = "qk_rope_head_dim" in values  # its heads have several sizes, which all stay
    if not from_file and head_count and not latent:
        args[head_size or "head_dim"] = PROXY_HEAD_SIZE
        head = PROXY_HEAD_SIZE
        if (values.get("rotary_dim") or 0) > head:
            args["rotary_dim"] = head
    if images:
        args |= {"image_size": DIGIT_SIDE, "patch_size": 2, "num_channels": 1}
    elif from_file and "vocab_size" in values:
        args["vocab_size"] = BYTES
    unit = narrowest_width(values, width, head_count, head)
    start = unit * -(-MIN_PROXY_WIDTH // unit)
    widest = max(min(width, MAX_PROXY_WIDTH), 2 * start)
    widths = tuple(w for w in (start, 2 * start, 4 * start) if w <= widest)
    if not from_file and width <= widths[-1]:  # a default config is not a target
        width = TARGET_RATIO * widths[-1]
    log.info("hf: widths of %s are multiples of %d; proxies of %s", model, unit, widths)
    return ProxyLadder(
        model_type=known.model_type,
        base=widths[-2],
        widths=widths,
        depth=max(1, min(max(PROXY_DEPTH if from_file else 2, dense + 1), depth)),
        target=(width, depth),
        args=args,
        images=images,
        vocabulary=values.get("vocab_size") if from_file and not images else None,
    )


def narrowest_width(
    values: Mapping[str, Any], width: int, head_count: str | None, head_size: int
) -> int:
    """The width at which every number that follows it is whole; all others are multiples of it.

    The width is k·width/g, with g the common divisor of everything that is scaled; the number of
    heads at head size h is scaled from width·share/h.

    Args:
        values: The config's entries.
        width: Its hidden size.
        head_count: Name of the entry that is the number of heads; None where there are none.
        head_size: Size of a head in the proxies.
    """
    followers = [values[n] for n in entries_that_follow(values)]
    parts = [width, *(v for v in followers if isinstance(v, int) and v > 1)]
    if head_count:
        own = first_entry(values, HEAD_SIZE)
        total = values[head_count] * (values[own] if own else width // values[head_count])
        count = total // head_size
        parts.append(count)
        for name in (*KEY_HEAD_COUNT, *FURTHER_HEAD_COUNTS):
            if isinstance(values.get(name), int):
                parts.append(count * values[name] // values[head_count])
    return width // gcd(*parts)
