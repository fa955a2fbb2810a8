"""The static audit: the optimizer's groups and the parameters' own spread, without a step.

The exponents in width of a tensor's init and learning rate are read off at the widths, and held
against the rule's row. A forward multiplier cannot be seen so; what its exponent must be is told by
the init's (abc-symmetry: Yang and Hu, arXiv 2011.14522), and the learning rate's follows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.coordcheck.measure.width_training import Make
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.diagnosis import multiplied, times
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import exponent
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TOLERANCE
from mutransfer_cli.documents.check import CheckDocument, ControlReport, Slope, TensorReport
from mutransfer_cli.errors import InputError

LIMITS = (
    "forward multipliers, attention and gradients: nothing was run",
    "what is wrong by the same factor at every width",
)


def groups_of(make: Make, width: int) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Each tensor's group of the optimizer, and its RMS. Raises InputError for a tensor twice."""
    subject = make(width, 0)
    assert subject.optimizer is not None
    names = {id(p): name for name, p in subject.model.named_parameters()}
    found: dict[str, dict[str, Any]] = {}
    for part in getattr(subject.optimizer, "parts", [subject.optimizer]):
        for group in part.param_groups:
            for p in group["params"]:
                name = names.get(id(p), "")
                if name in found:
                    raise InputError(f"{name} is in two groups", path=("optimizer",))
                found[name] = {
                    **getattr(part, "defaults", {}),
                    **{k: v for k, v in group.items() if k != "params"},
                }
    return found, {name: rms(p) for name, p in subject.model.named_parameters()}


def wanted_rate(e: Expectation, init: float | None) -> float | None:
    """Exponent of the learning rate, for the forward multiplier that the init asks for.

    mult + init + coherent/2 = gain's exponent and mult + lr + size + coherent = update's; with SGD
    the gradient's size holds the multiplier once more.
    """
    if e.rate is None or e.init is None or init is None or e.row_init is None:
        return e.rate
    moved = e.row_init - init  # of the multiplier, against the row's
    return e.rate - moved * (1 if e.scale_free else 2)


def audit(
    make: Make,
    expected: Mapping[str, Expectation],
    parameterization: str,
    widths: Sequence[int],
    *,
    strict: bool = False,
) -> CheckReport:
    """Hold groups against the table."""
    started = time.perf_counter()
    seen = {w: groups_of(make, w) for w in widths}
    tensors = tuple(one(name, e, seen, widths[-1] / widths[0]) for name, e in expected.items())
    bad = {"fail", "warn"} if strict else {"fail"}
    failed = [t.name for t in tensors if t.verdict in bad]
    reason = f"the optimizer's groups are those of {parameterization} (static audit)"
    if failed:
        reason = (
            f"{len(failed)} of {len(tensors)} tensors have a group that {parameterization} has not"
        )
    return CheckReport(
        CheckDocument(
            verdict="fail" if failed else "pass",
            reason=reason,
            regime=None,
            expected=parameterization,
            widths=tuple(widths),
            seeds=1,
            seconds=time.perf_counter() - started,
            tensors=tensors,
            modules=(),
            control=ControlReport(what="not run", verdict=None),
            limits=LIMITS,
        )
    )


def one(
    name: str,
    e: Expectation,
    seen: Mapping[int, tuple[dict[str, dict[str, Any]], dict[str, float]]],
    ratio: float,
) -> TensorReport:
    groups = {w: g.get(name) for w, (g, _) in seen.items()}
    if any(g is None for g in groups.values()):
        return report(name, e, "fail", "not-trained", f"`{name}`: in no group of the optimizer",
                      "give it to the optimizer", None, {"groups": "fail"})  # fmt: skip
    init = exponent({w: spread[name] for w, (_, spread) in seen.items()})
    rate = exponent({w: float(g["lr"]) for w, g in groups.items() if g})
    decay = exponent(
        {w: float(g["lr"]) * float(g.get("weight_decay") or 0) for w, g in groups.items() if g}
    )
    wanted = wanted_rate(e, init)
    aspects = {"learning rate": "pass"}
    if decay is not None:
        aspects["weight decay"] = "pass" if abs(decay - e.decay) <= TOLERANCE else "warn"
    if rate is not None and wanted is not None and abs(rate - wanted) > TOLERANCE:
        aspects["learning rate"] = "fail"
        off = rate - wanted
        said = (
            f"`{name}`: its learning rate goes as width^{rate:.2g} and not as width^{wanted:.2g}; "
            f"it is {times(off, ratio)}"
        )
        finding = "lr-too-large" if off > 0 else "lr-too-small"
        return report(name, e, "fail", finding, said, f"learning rate: {multiplied(off)}",
                      (rate, wanted), aspects)  # fmt: skip
    if "warn" in aspects.values():
        assert decay is not None
        said = f"`{name}`: its decay per step, lr × weight_decay, goes as width^{decay:.2g}"
        fix = f"weight decay: {multiplied(decay - e.decay)}"
        return report(name, e, "warn", "weight-decay", said, fix, None, aspects)
    both = rate is not None and wanted is not None and (rate, wanted)
    return report(name, e, "pass", None, None, None, both, aspects)


def report(
    name: str,
    e: Expectation,
    verdict: str,
    finding: str | None,
    message: str | None,
    fix: str | None,
    rate: Any,
    aspects: Mapping[str, str],
) -> TensorReport:
    slope = Slope(value=rate[0], low=None, high=None, expected=rate[1]) if rate else None
    return TensorReport.model_validate(
        {
            "name": name, "role": e.role, "verdict": verdict, "finding": finding,
            "message": message, "fix": fix, "update_slope": slope, "init_slope": None,
            "decay_slope": None, "aspects": aspects,
        }
    )  # fmt: skip
