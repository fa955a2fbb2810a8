"""A target stack: a file with a learning rate per line, with comments at its top."""

from __future__ import annotations

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    rates = "".join(f"{name} {n.lr!r}\n" for name, n in resolved.actual.items())
    return {"rates.txt": header_block(document) + rates}


TOY_TEXT = Stack(exact_config, render)
