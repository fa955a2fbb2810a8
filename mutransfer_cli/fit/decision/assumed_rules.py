"""Rules that a decision rests on where no rung differs along one of the target's axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.fit.study.size_axes import (
    PARAMETERS,
    SAME,
    TOKENS,
    SizeAxis,
    Sizes,
    every_axis,
)
from mutransfer_cli.fit.study.study_runs import StudyRuns
from mutransfer_cli.interval import number
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.rules.disputed_rules import HORIZON, horizon_words
from mutransfer_cli.parameterization.rules.horizon_rules import horizon_rule


@dataclass(frozen=True)
class TransferRules:
    """The rules by which runs and target are scaled.

    Attributes:
        optimizer: Name of the optimizer.
        horizon: Rule for batch and duration (`rules.horizon`); None: the hyperparameters of a
            table, which nothing scales.
        parameterization: Name of the rules for width and depth; None: a table's own.
        beta1: Rule for beta1 (`rules.beta1`).
    """

    optimizer: str = "adamw"
    horizon: str | None = None
    parameterization: str | None = None
    beta1: str = "keep"

    @property
    def limits(self) -> tuple[str, ...]:
        """The sizes along which training tends to a limit, so that optima settle."""
        if self.parameterization is None:
            return ()
        return PARAMETERIZATIONS[self.parameterization].limits


@dataclass(frozen=True)
class AssumedRule:
    """A rule that no rung tests.

    Attributes:
        axis: The size along which the target differs from all rungs.
        ratio: Target over rungs.
        rule: What is assumed.
        source: Where the rule is from.
        rivals: By rival rule, the learning rate that it gives, quoted like that of the decision.
        settle: The rung that would show which is right.
    """

    axis: str
    ratio: float
    rule: str
    source: str
    rivals: Mapping[str, float] = field(default_factory=dict)
    settle: str = ""


def assumed_rules(
    study: StudyRuns, target: Sizes, lr: float, rules: TransferRules
) -> tuple[AssumedRule, ...]:
    """The rules that a target rests on, one for each axis along which no two rungs differ.

    Args:
        study: The runs.
        target: The size.
        lr: The learning rate that was chosen for it.
        rules: The rules by which runs and target are scaled.
    """
    rung = study.rungs[study.ordered[-1]]
    varied = {axis.name for axis in study.axes if _varies(study, axis)}
    ratios = {
        axis.name: axis.position(target) - axis.position(rung)
        for axis in every_axis(study.rungs)
        if axis.name not in varied and axis.known(target) and axis.known(rung)
    }
    if TOKENS in varied or TOKENS in ratios:
        ratios.pop("steps", None)
    grown = {name: octaves for name, octaves in ratios.items() if abs(octaves) > SAME}
    if PARAMETERS in varied:
        grown = {name: octaves for name, octaves in grown.items() if name not in ("width", "depth")}
    horizon = {"batch", "steps", TOKENS} & grown.keys()
    found = []
    for name, octaves in grown.items():
        ratio = 2.0**octaves
        settle = _settling(study, name, ratio)
        if name in horizon:
            batch = 2.0 ** grown.get("batch", 0.0)
            duration = 2.0 ** grown.get("steps", grown.get(TOKENS, 0.0))
            found.append(_horizon(name, ratio, lr, rules, (batch, duration), settle))
        else:
            rule = "the hyperparameters of the runs as they are, unchanged"
            if rules.parameterization is not None:
                rule = f"the transfer of {rules.parameterization}, quoted at the base"
            source = "mutransfer shapes --why" if rules.parameterization else "an assumption"
            found.append(AssumedRule(name, ratio, rule, source, {}, settle))
    return tuple(found)


def _varies(study: StudyRuns, axis: SizeAxis) -> bool:
    """Whether rungs differ along an axis of the study."""
    positions = [axis.position(rung) for rung in study.rungs]
    return max(positions) - min(positions) > SAME


def _horizon(
    name: str,
    ratio: float,
    lr: float,
    rules: TransferRules,
    multipliers: tuple[float, float],
    settle: str,
) -> AssumedRule:
    """The rule for a longer training or a larger batch, and what its rivals would give.

    All rules are powers of the ratios of batch and duration, so that a rival's learning rate is
    the chosen one times the ratio of the two rules' factors.

    Args:
        name: The size that differs.
        ratio: Target over rungs.
        lr: The chosen learning rate.
        rules: The rules by which runs and target are scaled.
        multipliers: Ratios of batch and of examples.
        settle: The rung that would show which rule is right.
    """
    geometry = optimizer_spec(rules.optimizer).geometry

    def factor(horizon: str) -> float:
        return horizon_rule(horizon, rules.beta1, geometry, *multipliers).lr

    own = 1.0 if rules.horizon is None else factor(rules.horizon)
    known = [h for h in HORIZON if h != "fixed-norm" or geometry.keeps_norm]
    rivals = {h: lr * factor(h) / own for h in known if h != rules.horizon}
    if rules.horizon is None:
        return AssumedRule(
            name, ratio, "the learning rate of the runs, unchanged", "an assumption", rivals, settle
        )
    taken, _, source = horizon_words(rules.horizon, geometry)
    return AssumedRule(
        name, ratio, f"rules.horizon: {rules.horizon} ({taken})", source, rivals, settle
    )


def _settling(study: StudyRuns, name: str, ratio: float) -> str:
    """The cheapest rung that would test the rule: the smallest one, two octaves along the axis.

    Args:
        study: The runs.
        name: The size that differs.
        ratio: Target over rungs.
    """
    smallest = study.rungs[study.ordered[0]]
    factor = 2.0 ** max(min(log2(ratio), 2.0), -2.0)
    there = max(1.0, round(smallest[name] * factor))
    names = [axis.name for axis in study.axes if axis.name != name and smallest.get(axis.name)]
    at = "".join(f", {other} {number(smallest[other])}" for other in names)
    return f"{name} {number(there)}{at}: the same sweep, {factor:.3g} times the {name}"
