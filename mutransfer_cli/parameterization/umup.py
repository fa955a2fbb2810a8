"""u-muP (arXiv 2407.17465), whose hyperparameters are quoted at unit scale, not at a base.

The unit-scaling package is the authority: optim.py for learning rates, core/functional.py for the
weights of skips and branches.
"""

from __future__ import annotations

from math import sqrt

from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN, Geometry
from mutransfer_cli.optimizers.protocol import OptimizerSpec
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.choice import Choice
from mutransfer_cli.parameterization.rows.depth_rule import CONSTANT_IN_DEPTH, DepthRule
from mutransfer_cli.parameterization.rows.powers import IN, ONE, OUT, ROW_OF_ROLE, Power, Row

LR_SOURCE = "US optim.py"

# optim.py: lr_scale_func_adam, lr_scale_func_sgd
PACKAGE_LR = {
    SIGN: {"input": OUT**-0.5, "hidden": IN**-0.5, "readout": ONE, "vector": ONE},
    GRADIENT: {"input": OUT**0.5, "hidden": IN**0.5, "readout": ONE, "vector": OUT},
}


class UnitScaledMup(Parameterization):
    """u-muP: rates and weights of residual branches as in the unit-scaling package."""

    def prescribed_lr(self, role: str, geometry: Geometry) -> tuple[Power, str] | None:
        """The package's own rate; None for geometries that it has no rates for."""
        rates = PACKAGE_LR.get(geometry)
        return None if rates is None else (rates[ROW_OF_ROLE.get(role, role)], LR_SOURCE)

    def lr_source(self, optimizer: OptimizerSpec, readout: str, alignment: str | None) -> str:
        """The package, for geometries that it has rates for; otherwise 'derived'."""
        return LR_SOURCE if optimizer.geometry in PACKAGE_LR else "derived"

    def block_alpha(self, alpha: float) -> float:
        """Return 1/2 as in depth-muP, whatever `depth_alpha` is."""
        return 0.5

    def depth_rule(
        self, geometry: Geometry, alpha: float, in_block: bool, ends_branch: bool
    ) -> DepthRule:
        """The learning rate of a tensor in a block is ∝ 1/√depth (optim.py, lr_scale_for_depth).

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            alpha: `rules.depth_alpha`.
            in_block: Whether the tensor is in a block that repeats along the depth.
            ends_branch: Whether the multiplier of the branch has to be folded into the tensor.
        """
        return DepthRule(lr=-0.5) if in_block else CONSTANT_IN_DEPTH

    def attention_scale(
        self, multiplier: float | None, own_scale: float, head_size: int, growth: float
    ) -> float:
        """The scale of q·k: `multipliers.attention` over the head size.

        Args:
            multiplier: `multipliers.attention`; None: 1.
            own_scale: The model's own scale of q·k, which is not used.
            head_size: The head size at the base.
            growth: The head size at the target over that at the base.
        """
        return (multiplier or 1.0) / (head_size * growth)

    def residual_coefficients(self, blocks: int, residual: float) -> dict[str, float]:
        """Weights of all skips and branches."""
        return residual_coefficients(blocks, residual)

    def depth_choice(self, alpha: float) -> Choice:
        """The package's rule for the depth, on which sources disagree."""
        return Choice(
            "depth",
            "rates in blocks ∝ 1/√depth, weights of skips and branches by depth",
            "theory",
            "unit-scaling package",
            "constant rates and branches ∝ 1/depth: CompleteP 2505.01618",
        )

    def notes(self, alignment: str | None) -> tuple[str, ...]:
        """A note that models need the operations of the unit-scaling package."""
        return (
            "umup: numbers are at unit scale, as in the unit-scaling package; except for the "
            "built-in gpt, a model needs that package's operations to train with them",
        )


def residual_coefficients(
    blocks: int, residual: float = 1.0, attention_ratio: float = 1.0
) -> dict[str, float]:
    """Weights of skips and branches, with two branches per block, attention first.

    core/functional.py, transformer_residual_scaling_rule: x ← (x + τ·branch(x)) / √(1 + τ²).

    Args:
        blocks: Number of blocks.
        residual: Contribution of all branches relative to that of the embedding.
        attention_ratio: Contribution of attention relative to that of the MLPs.
    """
    mlp = residual * sqrt(2 / (1 + attention_ratio**2))
    attention = attention_ratio * mlp
    coefficients = {}
    for i in range(2 * blocks):
        own = attention if i % 2 == 0 else mlp
        earlier = (i + 1) // 2 * attention**2 + i // 2 * mlp**2
        tau = own / sqrt(blocks + earlier)
        coefficients[f"skip.{i}"] = 1 / sqrt(1 + tau**2)
        coefficients[f"branch.{i}"] = tau / sqrt(1 + tau**2)
    return coefficients


UMUP = UnitScaledMup(
    name="umup",
    rows={
        "input": Row(ONE, ONE, "US, weight of an embedding: unit init, no multiplier"),
        "hidden": Row(ONE, IN**-0.5, "US, weight: unit init, 1/√fan_in"),
        "readout": Row(ONE, IN**-1, "US, output: unit init, 1/fan_in"),
        "vector": Row(ONE, ONE, "US, bias and norm"),
    },
    unit_scaled=True,
    constant_epsilon_source="the unit-scaling package",
    embedding_choice=Choice(
        "embedding rate under Adam",
        "∝ 1/√fan_out",
        "empirical",
        "unit-scaling package",
        "1/√fan_out: u-muP 2407.17465, from sweeps up to width 4096",
    ),
)
