"""Measures the factor on an adapter's result: what one more at its output adds to its layer's."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.tracing.roles import Trace
from mutransfer_cli.tracing.tracer import trace

Traceable = tuple[nn.Module, Callable[[], object]]


def layer_of(model: nn.Module, owner: str, called: Collection[str]) -> str | None:
    """The innermost module around another one that was called.

    Args:
        model: The model.
        owner: Name of the module that holds the adapter's last matrix.
        called: Names of all modules that were called.
    """
    parts = owner.split(".")
    names = [".".join(parts[:i]) for i in reversed(range(1, len(parts)))]
    return next((name for name in names if name in called), None)


@torch.no_grad()
def adapter_factors(
    model: nn.Module, run: Callable[[], object], names: Collection[str]
) -> dict[str, float]:
    """By name of an adapter's last matrix, the factor on its result; unknown ones are left out.

    Args:
        model: The model, in a state in which its forward pass is repeatable.
        run: Calls its forward pass.
        names: Names of the last matrices.
    """
    modules = dict(model.named_modules())
    outputs: dict[str, Tensor] = {}
    raised: set[str] = set()

    def record(name: str) -> Callable[..., Tensor | None]:
        def hook(_: nn.Module, __: Any, output: Any) -> Tensor | None:
            if not isinstance(output, Tensor):
                return None
            result: Tensor = output + 1.0 if name in raised else output
            outputs[name] = result.detach().clone()
            return result

        return hook

    handles = [m.register_forward_hook(record(name)) for name, m in modules.items() if name]
    factors: dict[str, float] = {}
    try:
        run()
        before = dict(outputs)
        for name in names:
            owner = name.rpartition(".")[0]
            layer = layer_of(model, owner, before.keys()) if owner in before else None
            if layer is None or before[layer].shape != before[owner].shape:
                continue
            raised.add(owner)
            run()
            raised.clear()
            factors[name] = float((outputs[layer] - before[layer]).mean())
    finally:
        for handle in handles:
            handle.remove()
    return factors


def factors_in_weights(traced: Trace) -> dict[str, float]:
    """By factor of a weight W + c · B A, the number c, which no module's result shows."""
    factors = traced.factors
    return {n: f for (n, _), f in factors.weight_factors.items() if n in factors.composed}


def measured_powers(base: Traceable, other: Traceable, names: Collection[str]) -> dict[str, float]:
    """By name, the exponent of a doubled size in the factor on an adapter's result.

    Args:
        base: The model at the base, and a call of its forward pass.
        other: The same where the size is doubled.
        names: Names of the adapters' last matrices.
    """
    small, big = (
        adapter_factors(model, run, names) | factors_in_weights(trace(model, run))
        for model, run in (base, other)
    )
    return {
        name: round(math.log2(big[name] / small[name]), 3)
        for name in names
        if small.get(name, 0.0) * big.get(name, 0.0) > 0
    }
