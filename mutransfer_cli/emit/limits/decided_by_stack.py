"""What a stack decides by itself: precision, dropout, biases, activation, tensors it does not have.

The rows of the catalog say what each stack does; what differs from the proxies is a deviation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.plan_deviations import patterns_of
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig

DROPOUT = re.compile(r"^(?!summary_|classifier_).*(dropout|pdrop)")
LINEAR_BIASES = frozenset(
    f"{part}_bias"
    for part in ("q", "k", "v", "qkv", "attention_out", "gate", "gate_up", "up", "down")
)
QKV_BIASES = ("q_bias", "k_bias", "v_bias", "qkv_bias")
TRAINED_IN = {
    "bf16": "bfloat16",
    "bf16-autocast": "weights in float32, computed in bfloat16",
}
SAME_ACTIVATION = {"swish": "silu", "gelu_python": "gelu"}  # other names of transformers


def with_decisions(
    request: EmitRequest, resolved: ResolvedConfig, row: StackEntry
) -> ResolvedConfig:
    """The resolved configuration with what the stack decides by itself as deviations.

    Tensors that the stack does not have are left out of `actual`.
    """
    decoder = row.models == "decoders"
    another_model = any(d.what == "model" for d in resolved.deviations)
    found = [*dtype_deviation(request, row), *dropout_deviation(request, row, another_model)]
    found += z_loss_deviation(request)
    actual = dict(resolved.actual)
    if decoder and not another_model:
        found += activation_deviation(request, row)
        for name in unknown_biases(request, row):
            actual.pop(name, None)
        found += added_biases(request, row)
    left = [*resolved.deviations, *found]
    if not another_model:
        found += missing_tensors(request, replace(resolved, actual=actual), left)
    return replace(resolved, actual=actual, deviations=(*resolved.deviations, *found))


def proxy_dtype(request: EmitRequest) -> str:
    """Precision in which the proxies trained, in the words of the catalog's stacks."""
    train = request.recipe.train
    if train is not None and train.precision != "float32":
        return TRAINED_IN[train.precision]
    own = getattr(request.hf_config, "dtype", None)
    return "float32" if own is None else str(own).removeprefix("torch.")


def dtype_deviation(request: EmitRequest, row: StackEntry) -> Iterator[Deviation]:
    """The deviation of the precision."""
    planned = proxy_dtype(request)
    if row.dtype and row.dtype != planned:
        yield Deviation(
            what="dtype",
            wanted=planned,
            got=row.dtype,
            consequence="rounding differs from the proxies'; small updates can be lost",
        )


def z_loss_deviation(request: EmitRequest) -> Iterator[Deviation]:
    """The deviation of a z-loss, which belongs to the training code, not to a file."""
    if request.recipe.z_loss > 0:
        yield Deviation(
            what="z_loss",
            wanted=request.recipe.z_loss,
            got="what the training code adds",
            consequence="the file does not set it: add this weight times the mean of "
            "logsumexp(logits)² to the loss",
        )


def dropout_deviation(
    request: EmitRequest, row: StackEntry, another_model: bool
) -> Iterator[Deviation]:
    """The deviation of dropout that the proxies had and the stack does not have.

    Args:
        request: The configuration to write.
        row: The stack's row.
        another_model: Whether the file's model is of another type than the proxies'.
    """
    if row.dropout == "kept" or request.hf_config is None:
        return
    values = {
        name: value
        for name, value in request.hf_config.to_dict().items()
        if DROPOUT.search(name) and isinstance(value, int | float) and value > 0
    }
    if row.dropout == "attention" and not another_model:
        values.pop("attention_dropout", None)
    if values:
        yield Deviation(
            what="dropout",
            wanted=", ".join(f"{name} {value:g}" for name, value in values.items()),
            got="0",
            consequence="the proxies trained with dropout; set it to 0 in model.args and tune "
            "without it, or add it to the stack's configuration",
        )


def activation_deviation(request: EmitRequest, row: StackEntry) -> Iterator[Deviation]:
    """The deviation of an activation that the file cannot name."""
    t = request.decoder
    planned = SAME_ACTIVATION.get(t.activation, t.activation)
    if row.activations is None or planned in row.activations:
        return
    gated = [name for name in row.activations if (name == "silu") == t.gated]
    yield Deviation(
        what="activation",
        wanted=planned,
        got=(gated or list(row.activations))[0],
        consequence="not the function of the proxies' feed-forward layers",
    )


def gives_biases(request: EmitRequest, row: StackEntry) -> bool:
    """Whether the stack's linear layers have biases with this file."""
    return row.biases in ("all-or-none", "all-qkv-or-none") and request.decoder.bias


def unknown_biases(request: EmitRequest, row: StackEntry) -> list[str]:
    """Biases of linear layers that the proxies have and the stack does not have."""
    if row.biases == "each" or gives_biases(request, row):
        return []
    own = QKV_BIASES if row.biases == "all-qkv-or-none" else ()
    parts = request.decoder.parts
    return [n for n, part in parts.items() if part in LINEAR_BIASES and part not in own]


def added_biases(request: EmitRequest, row: StackEntry) -> Iterator[Deviation]:
    """The deviation of biases that the stack adds to layers that had none."""
    if not gives_biases(request, row):
        return
    parts = request.decoder.parts
    layers = {p for p in parts.values() if f"{p}_bias" in LINEAR_BIASES}
    without = [p for p in layers if f"{p}_bias" not in parts.values()]
    names = [n for n, part in parts.items() if part in without]
    if names:
        yield Deviation(
            what=f"added bias of {', '.join(patterns_of(names, parts))}",
            wanted="none",
            got="a bias",
            consequence="the stack has biases in all linear layers or in none",
        )


def missing_tensors(
    request: EmitRequest, resolved: ResolvedConfig, declared: list[Deviation]
) -> Iterator[Deviation]:
    """The deviation of tensors that the stack does not have and that no other deviation names."""
    patterns = [p for d in declared for p in d.what.partition(" of ")[2].split(", ")]
    names = [
        name
        for name in resolved.planned
        if name not in resolved.actual and not any(fnmatchcase(name, p) for p in patterns)
    ]
    if names:
        yield Deviation(
            what=f"tensor of {', '.join(patterns_of(names, list(resolved.planned)))}",
            wanted="trained",
            got="none",
            consequence="the stack's model has no such tensor, which the proxies had",
        )
