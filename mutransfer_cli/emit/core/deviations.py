"""What was wanted, what the stack will do, and what follows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.abc_symmetry import SAME, differs, left_over, shifted
from mutransfer_cli.emit.core.decoder import forward_scale
from mutransfer_cli.emit.core.interface import Job, Outcome

INDEX = re.compile(r"(?<=\.)\d+(?=\.)")


def patterns_of(names: Iterable[str], all_names: Iterable[str]) -> list[str]:
    """Shell patterns that match these names and no others."""
    chosen, everything = set(names), list(all_names)
    found: list[str] = []
    for name in everything:
        if name not in chosen or any(fnmatchcase(name, p) for p in found):
            continue
        pattern = INDEX.sub("*", name)
        matched = {n for n in everything if fnmatchcase(n, pattern)}
        found.append(pattern if matched <= chosen else name)
    return found


def consequence(what: str, wanted: float, got: float) -> str:
    """One sentence for the reader of the file."""
    times = got / wanted if wanted else None
    match what:
        case "lr":
            return f"moves at {times:.3g} times the planned rate, which was not tuned"
        case "init_std" if times is None:
            return "starts at random where it was to start at zero"
        case "init_std":
            return f"starts {times:.3g} times as large as planned"
        case "weight_decay" if times is None:
            return "decays where it was not to"
        case "weight_decay":
            return f"shrinks {times:.3g} times as much per step as planned"
        case _:
            return "of no account as long as eps is far below the size of the gradients"


def of_numbers(job: Job, outcome: Outcome) -> list[Deviation]:
    """Tensor by tensor; tensors that deviate alike are one deviation."""
    groups: dict[tuple[str, str, str], tuple[float, float, list[str]]] = {}
    for name, got in outcome.tensors.items():
        want = outcome.wanted[name]
        ideal = shifted(want, got.multiplier / want.multiplier, job.plan.optimizer)
        for what, (a, b) in left_over(ideal, got).items():
            assert a is not None and b is not None
            sampled = what == "init_std" and want.loose > SAME  # each has its own estimate
            key = (what, INDEX.sub("*", name) if sampled else f"{a:.6g}", f"{b:.6g}")
            groups.setdefault(key, (a, b, []))[2].append(name)
    names = [t.name for t in job.plan.tensors]
    return [
        Deviation(
            what=f"{what} of {', '.join(patterns_of(chosen, names))}",
            wanted=a,
            got=b,
            consequence=consequence(what, a, b),
        )
        for (what, _, _), (a, b, chosen) in groups.items()
    ]


def of_forward(job: Job, outcome: Outcome) -> list[Deviation]:
    """Attention, and the logits of a tied embedding."""
    found, plan = [], job.plan
    wanted = plan.forward.get("attention_scale")
    if differs(wanted, outcome.attention_scale):
        found.append(
            Deviation(
                what="attention_scale",
                wanted=wanted,
                got=outcome.attention_scale,
                consequence="queries and keys meet at another temperature than in the proxies",
            )
        )
    if outcome.tied_logits is not None:
        tied = next(t for t in plan.tensors if t.role == "tied")
        t = outcome.tensors[tied.name].multiplier / outcome.wanted[tied.name].multiplier
        ideal = forward_scale(plan, "logit", job.transformer.own) * t
        if differs(ideal, outcome.tied_logits):
            found.append(
                Deviation(
                    what="logit_scale",
                    wanted=ideal,
                    got=outcome.tied_logits,
                    consequence="the tied embedding counts too much or too little as the readout",
                )
            )
    return found


def of_clipping(job: Job, outcome: Outcome) -> list[Deviation]:
    """A threshold of the gradients' norm, where some gradients have another size."""
    if job.plan.clip is None:
        return []
    wanted = outcome.wanted
    traded = {
        name: f"{got.multiplier / wanted[name].multiplier:.4g}"
        for name, got in outcome.tensors.items()
        if differs(got.multiplier, wanted[name].multiplier)
    }
    if not traded:
        return []
    shown = ", ".join(
        f"{pattern} × {times}"
        for times in dict.fromkeys(traded.values())
        for pattern in patterns_of([n for n, v in traded.items() if v == times], wanted)
    )
    return [
        Deviation(
            what="clip",
            wanted=job.plan.clip,
            got=f"{job.plan.clip:g} on gradients of which {shown}",
            consequence="clipping sets in at other steps than in the proxies; all else is the same",
        )
    ]


def deviations_of(job: Job, outcome: Outcome) -> tuple[Deviation, ...]:
    """Everything that the stack will not do as planned."""
    return (
        *outcome.deviations,
        *of_numbers(job, outcome),
        *of_forward(job, outcome),
        *of_clipping(job, outcome),
    )
