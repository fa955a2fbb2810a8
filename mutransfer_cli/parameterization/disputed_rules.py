"""Where sources disagree: which rule was taken, what kind of knowledge it is, what others say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mutransfer_cli.parameterization.settings import Settings
from mutransfer_cli.plans.plan import Plan

Kind = Literal["theory", "empirical", "assumption"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One disagreement."""

    what: str
    taken: str
    kind: Kind
    source: str
    others: str


def choices_of(settings: Settings, plan: Plan) -> tuple[Choice, ...]:
    """Those that matter for this plan: of axes that do not grow nothing is said."""
    found: list[Choice] = []
    grows = {axis for axis, m in plan.multipliers.items() if m != 1.0}
    decayed = any(t.weight_decay > 0 for t in plan.tensors)

    def add(what: str, taken: str, kind: Kind, source: str, others: str) -> None:
        found.append(Choice(what, taken, kind, source, others))

    if decayed and "width" in grows:
        independent = settings.weight_decay == "independent"
        add(
            "weight decay in width (rules.weight_decay)",
            "lr × decay constant" if independent else "torch's number constant",
            "empirical",
            "Kosson 2510.19093, Wang and Aitchison 2405.13698" if independent else "Cerebras-GPT",
            "√m: Fan 2510.15262; torch's number constant: Cerebras-GPT, nanoGPT-mup",
        )
    if any(t.eps for t in plan.tensors):
        unit = settings.parameterization == "umup"  # its gradients are scaled to unit size
        scaled = settings.epsilon == "scaled" and not unit
        constant = "the unit-scaling package" if unit else "the mup package"
        add(
            "epsilon (rules.epsilon)",
            "follows the gradient's size" if scaled else "constant",
            "theory" if scaled else "assumption",
            "Everett 2407.05872, Complete(d)P 2512.22382" if scaled else constant,
            "constant: the mup package; alike where epsilon is tiny",
        )
    if any(t.role == "input" for t in plan.tensors) and "width" in grows:
        umup = settings.parameterization == "umup"
        add(
            "embedding rate under Adam",
            "∝ 1/√fan_out" if umup else "constant in width",
            "empirical" if umup else "theory",
            "unit-scaling package" if umup else "Tensor Programs V, Everett 2407.05872",
            "1/√fan_out: u-muP 2407.17465, from sweeps up to width 4096",
        )
    if "depth" in grows:
        if settings.parameterization == "completep":
            add(
                "residual exponent (rules.depth_alpha)",
                f"{settings.depth_alpha:g}",
                "theory",
                "CompleteP 2505.01618",
                "1/2: depth-muP 2310.02244; both transfer in Complete(d)P 2512.22382",
            )
        else:
            add(
                "depth",
                f"{settings.parameterization} has no rule for it: nothing follows the depth",
                "assumption",
                "none",
                "parameterization: completep has one",
            )
    if {"batch", "duration"} & grows:
        taken = {
            "steps": "rate, decay, epsilon and beta2 follow the number of steps alone",
            "empirical": "rate ∝ √batch · tokens^-0.32, beta2 by its half-life in tokens",
            "none": "rate ∝ √batch, beta2 by its half-life in tokens; length ignored",
        }
        source = {
            "steps": "Complete(d)P 2512.22382",
            "empirical": "Bjorck 2409.19913, Malladi 2205.10287, Marek 2507.07101",
            "none": "Malladi 2205.10287, Marek 2507.07101",
        }
        kinds: dict[str, Kind] = {"steps": "theory", "empirical": "empirical", "none": "theory"}
        adam = plan.optimizer in {"adam", "adamw"}
        add(
            "batch and duration (rules.horizon)",
            taken[settings.horizon],
            kinds[settings.horizon] if adam else "assumption",
            source[settings.horizon],
            "tokens^-0.3: MARIN; with the model's size: StepFun 2503.04715",
        )
        add(
            "beta1 in batch (rules.beta1)",
            settings.beta1,
            "empirical" if settings.beta1 == "keep" else "theory",
            "Marek 2507.07101" if settings.beta1 == "keep" else "Malladi 2205.10287",
            "scale: Malladi; keep: Marek, ArchScale",
        )
    if settings.clip is not None and grows:
        add(
            "clipping threshold",
            "constant in width" if plan.form == "multiplier" else "∝ √m_width",
            "theory" if grows == {"width"} else "assumption",
            "derived from the size of the gradient's norm",
            "in depth and batch nothing is published: left alone",
        )
    if any(t.role == "expert" for t in plan.tensors):
        add(
            "router",
            "an internal readout: init and rate ∝ 1/m",
            "theory",
            "2508.09752 (abc-equivalent to multiplier 1/m, constant rate)",
            "multiplier 1/m and rate 1/m: ArchScale",
        )
    return tuple(found)
