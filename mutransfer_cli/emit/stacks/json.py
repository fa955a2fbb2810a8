"""Format `json`: the document of `scale` itself."""

from __future__ import annotations

from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The document; the header's lines are in its fields."""
    return {"plan.json": as_json(document) + "\n"}


STACK = Stack(exact_config, render)
