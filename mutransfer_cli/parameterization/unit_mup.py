"""u-muP, which quotes everything at unit scale and not at a base (the unit-scaling package)."""

from __future__ import annotations

from math import sqrt

from mutransfer_cli.parameterization.init_tables import Power, Row


def unit_scaled(role: str, row: Row, lr: Power, fan_in: int, fan_out: int) -> tuple[float, float]:
    """A tensor's forward multiplier and the factor on its rate: powers of the fans themselves.

    The readout's 1/fan_in is the logit scale of the plan.
    """
    if role in {"scalar", "fixed"}:
        return 1.0, 1.0
    multiplier = 1.0 if role == "readout" else row.multiplier(fan_in, fan_out)
    return multiplier, lr(fan_in, fan_out)


def residual_coefficients(
    blocks: int, residual: float = 1.0, attention_ratio: float = 1.0
) -> dict[str, float]:
    """Weights of skip and branch for 2 branches a block, attention first.

    core/functional.py, transformer_residual_scaling_rule: x ← (x + τ·branch(x)) / √(1 + τ²).
    """
    mlp = residual * sqrt(2 / (1 + attention_ratio**2))
    attention = attention_ratio * mlp
    found = {}
    for i in range(2 * blocks):
        own = attention if i % 2 == 0 else mlp
        earlier = (i + 1) // 2 * attention**2 + i // 2 * mlp**2
        tau = own / sqrt(blocks + earlier)
        found[f"skip.{i}"] = 1 / sqrt(1 + tau**2)
        found[f"branch.{i}"] = tau / sqrt(1 + tau**2)
    return found
