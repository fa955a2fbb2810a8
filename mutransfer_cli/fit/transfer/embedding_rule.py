"""Which rule for the rate of embeddings a sweep supports: mup, large-vocab or neither.

The drift of `lr_factors.embedding` along the width is the exponent by which the optimal ratio of
the rates of embedding and hidden matrices departs from that of the rule under which the sweep ran.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from mutransfer_cli.documents.fit import EmbeddingRule, FitDocument
from mutransfer_cli.interval import Interval
from mutransfer_cli.parameterization.choices.embedding_rate import LARGE_VOCAB

FACTORS = ("lr_factors.embedding", "lr_factors.input")
Verdict: TypeAlias = Literal["mup", "large-vocab", "neither", "undecided"]
EXPONENTS: dict[Verdict, float] = {"mup": 0.0, "large-vocab": LARGE_VOCAB}


def embedding_rule(document: FitDocument, exponent: float) -> EmbeddingRule | None:
    """What the runs say of `rules.embedding`; None where they do not vary it over the width.

    Args:
        document: The fit of the runs.
        exponent: The exponent of the rule under which they ran, relative to mup.
    """
    width = document.axes.get("width")
    drifts = [width.drift[name] for name in FACTORS if width and name in width.drift]
    if not drifts:
        return None
    drift = drifts[0]
    measured = Interval(
        value=drift.value + exponent,
        low=None if drift.low is None else drift.low + exponent,
        high=None if drift.high is None else drift.high + exponent,
    )
    possible = tuple(name for name, e in EXPONENTS.items() if contains(measured, e))
    verdict: Verdict = "undecided" if possible else "neither"
    if len(possible) == 1:
        verdict = possible[0]
    settings = (
        f"rules: {{embedding: {possible[0]}}}"
        if len(possible) == 1
        else f"rules: {{embedding: measured, embedding_exponent: {measured.value:.2g}}}"
    )
    return EmbeddingRule(exponent=measured, verdict=verdict, settings=settings)


def contains(interval: Interval, value: float) -> bool:
    """Whether a value is in an interval; an interval without bounds contains every value."""
    return (interval.low is None or interval.low <= value) and (
        interval.high is None or value <= interval.high
    )
