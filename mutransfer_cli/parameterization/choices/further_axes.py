"""Choices on which sources disagree along experts, the rank of adapters, and sequences."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.rows.choice import Choice
from mutransfer_cli.plans.types import PlanData

SUM_AXES = frozenset({"active_experts", "expert_width"})

ROUTER = Choice(
    "router",
    "an internal readout: init and rate ∝ 1/m",
    "theory",
    "2508.09752 (abc-equivalent to multiplier 1/m, constant rate)",
    "multiplier 1/m and rate 1/m: ArchScale",
)
AGGREGATION = {
    "active-width": (
        "init of the last matrix ∝ k·(k·M)^-1/2 for k experts of width M, gates that sum to 1",
        "Complete-muE 2605.23893 (read in part), derived",
    ),
    "averaged": (
        "init of the last matrix ∝ 1/M at any number of experts k",
        "2601.20205 (at second hand), derived",
    ),
}
NUMBER = Choice(
    "number of experts",
    "init and rates constant at the same experts per token; epsilon follows the gradient",
    "theory",
    "Complete-muE 2605.23893 (abstract), derived",
    "no transfer across the active share: 2601.20205; plain muP transfers unreliably where experts "
    "are summed: 2605.14200 (abstract)",
)
LENGTH = Choice(
    "length of sequences",
    "nothing follows it: a step counts by its sequences, not by their tokens",
    "assumption",
    "no rule is published; a ladder over seq_len measures it",
    "tokens of a step as its batch: rate ∝ √seq_len at equal tokens (2409.19913)",
)
RANK = {
    "derived": ("by the matrix that starts at zero and the factor on its results", "derived"),
    "invariant": ("constant in the rank", "muA 2602.06204 (abstract)"),
    "inverse": ("∝ 1/rank", "muA 2602.06204 (abstract)"),
}


def further_choices(config: PlanConfig, plan: PlanData) -> Iterator[Choice]:
    """The choices on axes that grow, and on the router of a mixture.

    Args:
        config: Hyperparameters and rules.
        plan: The plan.
    """
    grows = {axis for axis, m in plan.multipliers.items() if m != 1.0}
    if any(t.role == "expert" for t in plan.tensors):
        yield ROUTER
    if grows & SUM_AXES:
        taken, source = AGGREGATION[config.experts]
        rivals = [row for row in AGGREGATION.items() if row[0] != config.experts]
        others = "; ".join(f"{name}: {text} ({by})" for name, (text, by) in rivals)
        yield Choice("sum over experts (rules.experts)", taken, "theory", source, others)
    if "experts" in grows:
        yield NUMBER
    if "seq_len" in grows:
        yield LENGTH
    if "rank" in grows:
        taken, source = RANK[config.rank]
        yield Choice(
            "rate of adapters over the rank (rules.rank)",
            taken,
            "theory",
            source,
            "; ".join(f"{n}: {t}" for n, (t, _) in RANK.items() if n != config.rank),
        )
