"""Biases of experts are looked up by the number of the expert, and are no embeddings."""

from __future__ import annotations

from mutransfer_cli.tracing.roles import Trace, Use, UseKind, role_of
from mutransfer_cli.tracing.usage.expert_biases import biases_of_experts


def used(module: str, kind: UseKind, stacked: bool = False) -> Use:
    out = (2,) if stacked else (1,)
    return Use(kind, (1,) if stacked else (), out, "f", module, stacked=stacked)


def test_rows_of_experts_against_rows_of_an_embedding() -> None:
    """Controls: eight tokens elsewhere, as many as experts, and four types inside the module."""
    shapes = {"up": (8, 64, 32), "bias": (8, 32), "tokens": (8, 32), "types": (4, 32)}
    uses = {
        "up": [used("block.experts", "matrix", stacked=True)],
        "bias": [used("block.experts", "lookup")],
        "tokens": [used("embedding", "lookup")],
        "types": [used("block.experts", "lookup")],
    }
    found = biases_of_experts(Trace(shapes, uses))
    assert set(found) == {"bias"}
    grows = frozenset({1})
    assert role_of("bias", found["bias"], grows) == "vector"
    assert role_of("tokens", uses["tokens"], grows) == "input"
