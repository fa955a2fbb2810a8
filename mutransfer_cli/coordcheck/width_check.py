"""Measure at several widths and seeds, judge every tensor, and prove that an error would show."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Literal

from mutransfer_cli.coordcheck.measure.recorder import uncompiled
from mutransfer_cli.coordcheck.measure.width_training import Make, Measurement, measure
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.diagnosis import diagnose
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.repair import init_faults, repaired, separated
from mutransfer_cli.coordcheck.verdict.slopes import fitted
from mutransfer_cli.coordcheck.verdict.tensor_verdict import (
    TOLERANCE,
    WORSE,
    Judged,
    changes,
    expected_gradients,
    judge,
)
from mutransfer_cli.documents.check import (
    CheckDocument,
    ControlReport,
    FaultReport,
    ModuleReport,
    TensorReport,
    Verdict,
)

CONTROL_SEEDS = 2
PROBED_SEEDS = 2  # of weight decay, epsilon and inference
DOUBTFUL = 0.15  # a deviation that asks for more seeds
BETWEEN = (0.2, 0.4)
LEAST_WIDTHS, LEAST_RATIO = 3, 4.0
LIMITS = (
    "what is wrong by the same factor at every width (a wrong base width, say)",
    "betas, clipping and schedules",
    f"exponents off by less than {TOLERANCE}",
)
UNSTABLE = FaultReport(
    finding="unstable",
    where="",
    message="the loss is not finite after a few steps",
    fix="repair the tensors that fail, or give smaller learning rates",
)
HIDDEN = frozenset({"hidden", "convolution", "expert"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is checked, and against what."""

    make: Make
    expected: Mapping[str, Expectation]
    parameterization: str
    widths: tuple[int, ...]
    seeds: int = 3
    most_seeds: int = 6
    steps: int = 3
    first_seed: int = 0
    strict: bool = False
    static: tuple[FaultReport, ...] = ()  # what reading the model alone found wrong
    hints: tuple[str, ...] = ()  # for the reader of a failure

    @property
    def ratio(self) -> float:
        return self.widths[-1] / self.widths[0]

    def measured(
        self, seeds: Sequence[int], factors: Mapping[int, Mapping[str, float]] | None = None
    ) -> list[Measurement]:
        return [
            measure(
                self.make,
                w,
                self.first_seed + s,
                self.steps,
                factors[w] if factors else None,
                probes=s < PROBED_SEEDS and factors is None,
            )
            for s in seeds
            for w in self.widths
        ]

    def judged(self, measurements: Sequence[Measurement]) -> list[Judged]:
        gradients = expected_gradients(self.expected, self.parameterization)
        return [judge(name, measurements, e, gradients[name]) for name, e in self.expected.items()]


def run_check(question: Question) -> CheckReport:
    """Measure and judge; separate several errors by repair; then the negative control."""
    started = time.perf_counter()
    q = question
    if len(q.widths) < LEAST_WIDTHS or q.ratio < LEAST_RATIO:
        return nothing(
            q,
            f"widths {', '.join(map(str, q.widths))} are too few; give at least {LEAST_WIDTHS} "
            f"over a ratio of {LEAST_RATIO:g}, such as --widths 64,128,256",
        )
    with uncompiled():
        measurements, judged = answer(q)
        wrong = init_faults(judged)
        if wrong:
            _, mended = answer(replace(q, make=repaired(q.make, wrong, q.widths[0])))
            judged = separated(judged, mended)
        control = controlled(q)
    tensors = tuple(reported(j, q) for j in judged)
    unstable = not all(m.finite for m in measurements)
    verdict, reason = verdict_of(q, tensors, control, unstable)
    return CheckReport(
        CheckDocument(
            verdict=verdict,
            reason=reason,
            regime="unstable" if unstable else regime_of(q, measurements),
            expected=q.parameterization,
            widths=q.widths,
            seeds=len(measurements) // len(q.widths),
            seconds=time.perf_counter() - started,
            tensors=tensors,
            modules=modules_of(measurements),
            control=control,
            limits=LIMITS,
            faults=((UNSTABLE,) if unstable else ()) + q.static,
            notes=paths_note(measurements) + (q.hints if verdict == "fail" else ()),
        )
    )


def answer(q: Question) -> tuple[list[Measurement], list[Judged]]:
    """Few seeds first, more where anything is doubtful."""
    measurements = q.measured(range(q.seeds))
    judged = q.judged(measurements)
    known = q.seeds
    for most, unclear in ((q.most_seeds, doubtful), (2 * q.most_seeds, borderline)):
        if all(m.finite for m in measurements) and any(unclear(j) for j in judged):
            measurements += q.measured(range(known, max(known, most)))
            judged = q.judged(measurements)
            known = max(known, most)
    return measurements, judged


def paths_note(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    """Whether inference gives other logits than training."""
    factors = {m.width: m.paths for m in measurements if m.paths is not None}
    odd = {w: f for w, f in factors.items() if abs(f - 1) > 0.01}
    if not odd:
        return ()
    width = max(odd)
    return (
        f"without targets the model's logits are {odd[width]:.3g} times those with targets at "
        f"width {width}: training and inference differ; what was checked is training",
    )


def nothing(q: Question, reason: str) -> CheckReport:
    """A report of a check that could not be made."""
    return CheckReport(
        CheckDocument(
            verdict="inconclusive",
            reason=reason,
            regime=None,
            expected=q.parameterization,
            widths=q.widths,
            seeds=0,
            seconds=0.0,
            tensors=(),
            modules=(),
            control=ControlReport(what="not run", verdict=None),
            limits=LIMITS,
        )
    )


def doubtful(j: Judged) -> bool:
    return max(abs(j.off), abs(j.init_off)) > DOUBTFUL


def borderline(j: Judged) -> bool:
    """Neither right nor off by a half, the least that theory's exponents can be off by."""
    return any(BETWEEN[0] < abs(off) < BETWEEN[1] for off in (j.off, j.init_off))


def controlled(q: Question) -> ControlReport:
    """The same model with a learning rate that grows with width must fail."""
    names = [n for n, e in q.expected.items() if e.role in HIDDEN]
    what = "the hidden matrices' learning rate × width / smallest width"
    if not names:
        names = [n for n, e in q.expected.items() if e.init is not None] or list(q.expected)
        what = "the matrices' learning rate × width / smallest width"
    factors = {w: dict.fromkeys(names, w / q.widths[0]) for w in q.widths}
    judged = q.judged(q.measured(range(CONTROL_SEEDS), factors))
    seen = any(j.verdict == "fail" and j.off > TOLERANCE for j in judged if j.name in names)
    return ControlReport(what=what, verdict="fail" if seen else "pass")


def reported(j: Judged, q: Question) -> TensorReport:
    expected = q.expected[j.name]
    aspects = j.aspects
    if expected.role == "readout" and j.moved and j.init_off < -TOLERANCE:
        aspects["init"] = "warn"  # harmless: muP itself advises a readout that starts at zero
    verdict = max(aspects.values(), key=WORSE.index)
    found = diagnose(j, expected, q.ratio) if verdict != "pass" else None
    return TensorReport(
        name=j.name,
        role=expected.role,
        verdict=verdict,
        finding=found.finding if found else None,
        message=found.message if found else None,
        fix=found.fix if found else None,
        update_slope=j.update.slope(expected.update) if j.update else None,
        init_slope=j.init.slope(expected.init) if j.init else None,
        decay_slope=j.decay.slope(expected.decay) if j.decay else None,
        epsilon_slope=j.epsilon.slope(0.0) if j.epsilon else None,
        aspects=aspects,
    )


def verdict_of(
    q: Question, tensors: Sequence[TensorReport], control: ControlReport, unstable: bool
) -> tuple[Verdict, str]:
    if unstable:
        return "fail", str(UNSTABLE)
    bad = {"fail", "warn"} if q.strict else {"fail"}
    failed = [t.name for t in tensors if t.verdict in bad]
    if q.static or failed:
        named = f"{len(failed)} of {len(tensors)} tensors do not scale as {q.parameterization}"
        return "fail", "; ".join([*map(str, q.static), *([named] if failed else [])])
    unsure = [t.name for t in tensors if t.verdict == "inconclusive"]
    if unsure:
        return (
            "inconclusive",
            f"{', '.join(unsure)}: deviation within two standard errors; give more --seeds or "
            "larger --widths",
        )
    if control.verdict != "fail":
        return (
            "inconclusive",
            f"the negative control passed too ({control.what}); give larger --widths",
        )
    return "pass", f"all {len(tensors)} tensors scale as {q.parameterization}; the control fails"


def regime_of(
    q: Question, measurements: Sequence[Measurement]
) -> Literal["feature-learning", "lazy", "unstable"] | None:
    """By how the change of the hidden layers' outputs depends on width."""
    names = [n.rpartition(".")[0] for n, e in q.expected.items() if e.role in HIDDEN]
    slope = changes(measurements, names)
    if slope is None:
        return None
    if abs(slope) <= TOLERANCE:
        return "feature-learning"
    return "lazy" if slope < 0 else "unstable"


def modules_of(measurements: Sequence[Measurement]) -> tuple[ModuleReport, ...]:
    """The classical coordinate check, for the plot and for readers who know it."""
    widths = sorted({m.width for m in measurements})

    def mean(name: str, width: int, which: str) -> float:
        values = [getattr(m, which)[name] for m in measurements if m.width == width]
        return float(sum(values) / len(values))

    found = []
    for name in measurements[0].activations:
        if not all(name in m.activations and name in m.changes for m in measurements):
            continue
        init = fitted(measurements, lambda m, n=name: m.activations.get(n))  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        change = fitted(measurements, lambda m, n=name: m.changes.get(n))  # type: ignore[misc]  # as above
        if any(not finite(m.changes[name]) for m in measurements):
            continue
        found.append(
            ModuleReport(
                name=name or "(model)",
                init_slope=init.slope(None) if init else None,
                change_slope=change.slope(None) if change else None,
                init={w: mean(name, w, "activations") for w in widths},
                change={w: mean(name, w, "changes") for w in widths},
            )
        )
    return tuple(found)


def finite(value: float) -> bool:
    return value == value and abs(log2(value) if value > 0 else 0) < 1024 and value != float("inf")
