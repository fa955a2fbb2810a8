"""What discretization errors along the axes of a ladder say, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mutransfer_cli.documents.probe import Verdict
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.subject.axis_runs import STEP

SMALL = 0.01  # of the loss: an error below it is none


def judge(
    errors: Mapping[str, Interval], loss: float, missing: Sequence[str] = ()
) -> tuple[Verdict, str, str]:
    """Verdict, reason and advice on the discretization errors of the base.

    Args:
        errors: The error along every axis.
        loss: The loss of the base, of which errors are shares.
        missing: Axes for which there was no time: without them, nothing passes.
    """
    verdict, reason, advice = _judge(errors, loss)
    if verdict != "pass" or not missing:
        return verdict, reason, advice
    unknown = " and ".join(missing)
    more = f"give it more time (--minutes), which measures the {unknown} too"
    return "inconclusive", f"the {unknown} was not measured; of the rest, {reason}", more


def _judge(errors: Mapping[str, Interval], loss: float) -> tuple[Verdict, str, str]:
    text = "; ".join(f"{name} {value}" for name, value in errors.items())
    helps, open_axes = [], []
    for name, value in errors.items():
        assert value.low is not None and value.high is not None
        if value.high < -SMALL * loss:
            helps.append(name)
        elif value.low < -SMALL * loss:
            open_axes.append(name)
    if helps:
        reason = f"finite size helps along {', '.join(helps)}: errors of the base: {text}"
        advice = "a smaller or coarser model is better here: larger ones will need regularization"
        return "fail", reason, advice
    if open_axes:
        advice = "add sizes to the ladder, or give it more time (--minutes) for up to eight seeds"
        return "inconclusive", f"not decided along {', '.join(open_axes)}: {text}", advice
    coarsest = max(errors, key=lambda name: errors[name].value)
    if errors[coarsest].value < SMALL * loss:
        advice = "nothing to gain from larger models or smaller steps; more data or steps remain"
        return "pass", f"the base is within {SMALL:.0%} of its limits: {text}", advice
    if len(errors) == 1:
        reason = f"no axis but the {coarsest} was measured; error of the base: {text}"
        advice = (
            "add a ladder of three widths or depths, which tells whether a larger model gains more"
        )
        return "pass", reason, advice
    low = errors[coarsest].low or errors[coarsest].value
    as_far = [n for n, e in errors.items() if n != coarsest and (e.high or e.value) > low]
    if as_far:
        reason = (
            f"the coarsest axis seems to be the {coarsest}, with an interval that overlaps that of "
            f"the {' and the '.join(as_far)}; errors of the base: {text}"
        )
        advice = (
            "larger models and smaller steps gain alike, as far as these seeds tell; give it more "
            "time (--minutes) to tell the axes apart"
        )
        return "pass", reason, advice
    advice = (
        "smaller steps over a longer run gain more than a larger model"
        if coarsest == STEP
        else f"a larger rung along the {coarsest} brings the proxy closest to its target"
    )
    return "pass", f"the coarsest axis is the {coarsest}; errors of the base: {text}", advice
