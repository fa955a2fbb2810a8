"""What the classes of stacks refuse: refused here first, with the key of the recipe.

The rows of the catalog name the limits of each stack. Sources: Megatron-LM,
optimizer_param_scheduler.py and transformer_config.py; torchtitan, models/common/attention.py and
models/llama3; lm-engine, softmax attention; modelzoo, attention layers; transformers, repeat_kv of
modeling_llama.py; nanoGPT, model.py.
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
