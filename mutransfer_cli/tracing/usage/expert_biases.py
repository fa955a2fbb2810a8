"""Biases of experts, a row each: picked by the index of the expert, as rows of embeddings are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.tracing.roles import Trace, Use


def biases_of_experts(trace: Trace) -> dict[str, list[Use]]:
    """The uses of such biases, as a vector's.

    A bias has two dimensions, is only looked up, and belongs to a module that multiplies by a stack
    of as many matrices (GPT-OSS: gate_up_proj_bias, transformers 5.24).

    Args:
        trace: What the forward pass did.
    """
    stacks = {
        (use.module, trace.shapes[name][0])
        for name, uses in trace.uses.items()
        for use in uses
        if use.kind == "matrix" and use.stacked
    }

    def is_bias(name: str, uses: Sequence[Use]) -> bool:
        """Whether a parameter is a bias of experts."""
        shape = trace.shapes[name]
        return len(shape) == 2 and all(
            use.kind == "lookup" and (use.module, shape[0]) in stacks for use in uses
        )

    return {
        name: [replace(use, kind="elementwise", stacked=True) for use in uses]
        for name, uses in trace.uses.items()
        if uses and is_bias(name, uses)
    }
