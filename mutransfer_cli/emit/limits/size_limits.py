"""What the classes of stacks refuse: refused here first, with the key of the recipe.

The rows of the catalog name the limits of each stack. Sources: Megatron-LM,
optimizer_param_scheduler.py and transformer_config.py; torchtitan, models/common/attention.py and
models/llama3; lm-engine, softmax attention; modelzoo, attention layers, and GPT2LMHeadModelConfig
at 18bcbd2 (vocabulary); transformers, repeat_kv and validate_rope; nanoGPT, model.py, and get_batch
of train.py (tokens are uint16). None asks for widths or vocabularies that are multiples of a
number, unless matrices are split over devices, which no file does: Megatron's padding of the
vocabulary is switched off in its file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.errors import InputError

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a stack would refuse.

    Attributes:
        path: The recipe's key that can be changed.
        message: What is wrong, and what would be right.
    """

    path: KeyPath
    message: str


def key_of(request: EmitRequest, *names: str) -> KeyPath:
    """The path of the first of these model arguments that the recipe gives, else of the model."""
    args = request.recipe.model.args
    return next((("model", "args", name) for name in names if name in args), ("model",))


def heads_fill_width(request: EmitRequest) -> Refusal | None:
    """Stacks that make heads of width / heads entries."""
    t = request.decoder
    if t.heads * t.head_size == t.width:
        return None
    return Refusal(
        key_of(request, "head_dim", "num_attention_heads", "n_head"),
        f"{t.heads} heads of {t.head_size} entries are {t.heads * t.head_size}, and the width is "
        f"{t.width}: its heads have width / heads entries",
    )


def groups_divide_heads(request: EmitRequest) -> Refusal | None:
    """Every key head serves the same number of query heads."""
    t = request.decoder
    if t.heads % t.groups == 0:
        return None
    return Refusal(
        key_of(request, "num_key_value_heads", "num_attention_heads"),
        f"{t.heads} query heads at width {t.width} are no multiple of {t.groups} key and value "
        "heads",
    )


def heads_rotate(request: EmitRequest) -> Refusal | None:
    """Stacks whose models are always rotary: pairs of entries rotate."""
    t = request.decoder
    if t.head_size % 2 == 0:
        return None
    return Refusal(
        key_of(request, "head_dim", "num_attention_heads", "n_head"),
        f"its heads are rotary, with an even number of entries, and {t.heads} heads at width "
        f"{t.width} have {t.head_size}",
    )


def at_most(tokens: int, reason: str) -> Callable[[EmitRequest], Refusal | None]:
    """Stacks with a largest vocabulary."""

    def limit(request: EmitRequest) -> Refusal | None:
        size = request.decoder.vocabulary
        if size <= tokens:
            return None
        message = f"the vocabulary has {size} tokens; expected at most {tokens}: {reason}"
        return Refusal(key_of(request, "vocab_size"), message)

    return limit


def decay_follows_warmup(request: EmitRequest) -> Refusal | None:
    """Stacks whose scheduler asks for a warmup that is shorter than the run."""
    schedule, steps = request.schedule, request.plan.target["steps"]
    if schedule.warmup < steps:
        return None
    return Refusal(
        ("schedule", "warmup"),
        f"warmup takes {schedule.warmup} of {steps} steps; expected at least one step after it",
    )


LIMITS: dict[str, Callable[[EmitRequest], Refusal | None]] = {
    "heads-fill-width": heads_fill_width,
    "heads-rotate": heads_rotate,
    "vocabulary-in-uint16": at_most(2**16, "its data files hold tokens as uint16"),
    "vocabulary-of-512000": at_most(512_000, "its config class refuses more"),
    "groups-divide-heads": groups_divide_heads,
    "decay-follows-warmup": decay_follows_warmup,
}


def require_sizes(request: EmitRequest, row: StackEntry) -> None:
    """Refuse a target that the stack's classes would refuse.

    Raises:
        InputError: One of the row's limits is broken.
    """
    for name in row.limits:
        refusal = LIMITS[name](request)
        if refusal is not None:
            raise InputError(
                f"--format {row.name} would refuse it: {refusal.message}", path=refusal.path
            )
