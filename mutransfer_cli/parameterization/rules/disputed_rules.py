"""Rules on which sources disagree: which one a plan uses, on what evidence, and the others."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.choices.depth_rate import depth_choice
from mutransfer_cli.parameterization.choices.embedding_rate import embedding_choice
from mutransfer_cli.parameterization.choices.fixed_norm_rate import fixed_norm_choice
from mutransfer_cli.parameterization.choices.further_axes import further_choices
from mutransfer_cli.parameterization.choices.update_scale import update_scale_choice
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import Parameterization, parameterization_of
from mutransfer_cli.parameterization.rows.choice import Choice, Evidence
from mutransfer_cli.parameterization.rules.exponents import clip_exponent
from mutransfer_cli.plans.types import PlanData

# By `rules.horizon`: the rule, the kind of evidence for it under Adam, and the source.
HORIZON: dict[str, tuple[str, Evidence, str]] = {
    "steps": (
        "rate, decay, epsilon and beta2 follow the number of steps only",
        "theory",
        "Complete(d)P 2512.22382",
    ),
    "empirical": (
        "rate ∝ √batch · tokens^-0.32, beta2 (0.9 or more) by its half-life in tokens",
        "empirical",
        "Bjorck 2409.19913, Malladi 2205.10287, Marek 2507.07101",
    ),
    "fixed-norm": (
        "rate of matrices of fixed norm ∝ √batch · tokens^-0.3, the rest follows the steps",
        "empirical",
        "Marin's Delphi; -0.32: HyperP 2603.28743",
    ),
    "none": (
        "rate ∝ √batch, beta2 (0.9 or more) by its half-life in tokens; length ignored",
        "theory",
        "Malladi 2205.10287, Marek 2507.07101",
    ),
}

# The same under plain gradient descent, whose rate is linear in the batch at equal examples.
SGD_HORIZON = {
    "steps": "rate ∝ 1/steps: linear in the batch at equal examples",
    "fixed-norm": "rate ∝ 1/steps: linear in the batch at equal examples",
    "empirical": "rate ∝ batch · tokens^-0.32",
    "none": "rate ∝ batch; length ignored",
}
LINEAR = "Goyal 1706.02677, Malladi 2205.10287, derived"


def choices_of(config: PlanConfig, plan: PlanData) -> tuple[Choice, ...]:
    """The disputed rules that matter for this plan, without those on axes that do not grow."""
    return tuple(_choices(config, plan, parameterization_of(config.parameterization)))


def _choices(
    config: PlanConfig, plan: PlanData, parameterization: Parameterization
) -> Iterator[Choice]:
    grows = {axis for axis, m in plan.multipliers.items() if m != 1.0}
    roles = {t.role for t in plan.tensors}
    if "width" in grows and any(t.weight_decay > 0 for t in plan.tensors):
        yield _weight_decay(config)
    if any(t.eps for t in plan.tensors):
        yield _epsilon(config, parameterization)
    if "width" in grows and "input" in roles:
        trained_by = {t.optimizer or plan.optimizer for t in plan.tensors if t.role == "input"}
        geometries = [optimizer_spec(name).geometry for name in sorted(trained_by)]
        geometry = next((g for g in geometries if g.spectral), geometries[0])
        yield embedding_choice(config, parameterization, geometry)
    single = parameterization.single_lr_source is not None and config.alignment is None
    fixed_norm = fixed_norm_choice(optimizer_spec(plan.optimizer).geometry, single)
    of_update = fixed_norm or update_scale_choice(plan)
    if "width" in grows and of_update is not None:
        yield of_update
    if "depth" in grows:
        yield depth_choice(config, parameterization, optimizer_spec(plan.optimizer).geometry)
    if {"batch", "duration"} & grows:
        yield _horizon(config, plan)
        yield _beta1(config)
    if config.clip is not None and grows:
        yield _clip(plan, parameterization, width_only=grows == {"width"})
    yield from further_choices(config, plan)


def _weight_decay(config: PlanConfig) -> Choice:
    independent = config.weight_decay == "independent"
    return Choice(
        "weight decay in width (rules.weight_decay)",
        "lr × decay constant" if independent else "torch's number constant",
        "empirical",
        "Kosson 2510.19093, Wang and Aitchison 2405.13698" if independent else "Cerebras-GPT",
        "√m: Fan 2510.15262; torch's number constant: Cerebras-GPT, nanoGPT-mup",
    )


def _epsilon(config: PlanConfig, parameterization: Parameterization) -> Choice:
    constant_source = parameterization.constant_epsilon_source
    scaled = config.epsilon == "scaled" and constant_source is None
    return Choice(
        "epsilon (rules.epsilon)",
        "follows the gradient's size" if scaled else "constant",
        "theory" if scaled else "assumption",
        "Everett 2407.05872, Complete(d)P 2512.22382"
        if scaled
        else constant_source or "the mup package",
        "constant: the mup package; alike where epsilon is tiny",
    )


def horizon_words(horizon: str, geometry: Geometry) -> tuple[str, Evidence, str]:
    """The rule of `rules.horizon`, the kind of evidence for it, and its source."""
    taken, kind, source = HORIZON[horizon]
    return (
        (SGD_HORIZON[horizon], kind, LINEAR)
        if geometry.sees_gradient_scale
        else (taken, kind, source)
    )


def _horizon(config: PlanConfig, plan: PlanData) -> Choice:
    geometry = optimizer_spec(plan.optimizer).geometry
    taken, kind, source = horizon_words(config.horizon, geometry)
    values = [name for name in HORIZON if name != "fixed-norm" or geometry.keeps_norm]
    rivals = {name: horizon_words(name, geometry) for name in values if name != config.horizon}
    others = [
        f"{words} ({name}): {whose}" for name, (words, _, whose) in rivals.items() if words != taken
    ]
    return Choice(
        "batch and duration (rules.horizon)",
        taken,
        kind if optimizer_spec(plan.optimizer).horizon_published else "assumption",
        source,
        "; ".join([*others, "with the model's size: StepFun 2503.04715"]),
    )


def _beta1(config: PlanConfig) -> Choice:
    keep = config.beta1 == "keep"
    return Choice(
        "beta1 in batch (rules.beta1)",
        config.beta1,
        "empirical" if keep else "theory",
        "Marek 2507.07101" if keep else "Malladi 2205.10287",
        "scale: Malladi; keep: Marek, ArchScale",
    )


def _clip(plan: PlanData, parameterization: Parameterization, width_only: bool) -> Choice:
    power = clip_exponent(parameterization, plan.form)
    return Choice(
        "clipping threshold",
        {0.0: "constant in width", 0.5: "∝ √m_width"}.get(power, f"∝ m_width^{power:g}"),
        "theory" if width_only else "assumption",
        "derived from the size of the gradient's norm",
        "nothing is published for depth and batch: left unchanged",
    )
