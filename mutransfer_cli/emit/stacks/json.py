"""Format `json`: the document of `scale` itself."""

from __future__ import annotations

from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.plans.types import TensorPlan

QUANTITIES = ("lr", "weight_decay", "eps", "init_std", "multiplier")


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The document; the header's lines are in its fields."""
    return {"plan.json": as_json(document) + "\n"}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The fields of the document."""
    if tensor is None:
        forward = {name: Key(f"forward.{name}", v) for name, v in request.plan.forward.items()}
        return {"clip": Key("clip", request.plan.clip), **forward}
    return {
        name: Key(f"tensors[{tensor.name}].{name}", getattr(tensor, name)) for name in QUANTITIES
    }


STACK = Stack(exact_config, render, keys)
