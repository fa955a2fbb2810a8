"""What a probe is given and what it returns."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from mutransfer_cli.catalog.probes import PROBES, ProbeEntry
from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.documents.probe import Measure, ProbeDocument, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.subject.proxies import Proxies, is_callable, proxies_of
from mutransfer_cli.probes.subject.time_plan import TooLittleTime

DEFAULT_MINUTES = 3.0
TIME_PLAN = "time of the first steps at the smallest and the largest size, times their number"
MINUTES = "--minutes"
TIME_FOR_ALL = re.compile(rf"{MINUTES} [\d.]+")
TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
KINDS = {
    "callable": "a package.module:callable",
    "recipe": "a recipe",
    "run": "a run directory",
    "table": "a table of loss curves (CSV)",
}


@dataclass(frozen=True)
class ProbeRequest:
    """What a probe is given.

    Attributes:
        proxies: What it measures; None for a probe that brings its own model.
        seed: The first seed.
        seeds: Number of seeds.
        minutes: Time that it may take, about; measurements that do not fit are left out, and the
            result says so.
        confidence: Of every interval.
        started: When it began, on `time.perf_counter`.
        table: A table of loss curves, where it is one.
        predict: Share of a run from which its final loss is predicted; None: nothing is predicted.
        curve: A table with the first part of one run.
        thorough: Whether an estimate is to be confirmed; a sweep, which begins at it, does so.
    """

    proxies: Proxies | None = None
    seed: int = 0
    seeds: int = 3
    minutes: float = DEFAULT_MINUTES
    confidence: float = CONFIDENCE
    started: float = field(default_factory=lambda: time.perf_counter())
    table: Path | None = None
    predict: float | None = None
    curve: Path | None = None
    thorough: bool = True

    @property
    def measured(self) -> Proxies:
        """What it measures."""
        assert self.proxies is not None
        return self.proxies

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return 60 * self.minutes - (time.perf_counter() - self.started)

    def has_time_for(self, seconds: float) -> bool:
        """Whether so many seconds are left."""
        return seconds < self.left


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found; see `ProbeDocument`."""

    verdict: Verdict
    reason: str
    measures: tuple[Measure, ...]
    method: str
    series: tuple[Series, ...] = ()
    advice: str | None = None
    notes: tuple[str, ...] = ()


class Probe(Protocol):
    """A probe: a function from a request to its result."""

    def __call__(self, request: ProbeRequest) -> ProbeResult:
        """Measure.

        Raises:
            InputError: The subject cannot be measured; one line says why.
        """
        ...


def run_probe(
    name: str,
    target: str | None,
    sets: tuple[str, ...] = (),
    *,
    seed: int = 0,
    minutes: float = DEFAULT_MINUTES,
    confidence: float = CONFIDENCE,
    predict: float | None = None,
    curve: Path | None = None,
) -> ProbeDocument:
    """Run one probe.

    Args:
        name: Name of the probe.
        target: A recipe, a run directory, or `package.module:callable`; None for a probe that
            brings its own model.
        sets: Overrides `key=value` of a recipe.
        seed: The first seed.
        minutes: Time that it may take, about.
        confidence: Of every interval, between 0 and 1.
        predict: Share of a run from which its final loss is predicted; collapse only.
        curve: A table with the first part of one run; collapse only.

    Raises:
        InputError: There is no such probe, or the target cannot be measured.
    """
    entry = PROBES.get(name)
    if entry is None:
        raise InputError(f"probe: {PROBES.unknown(name)}")
    for option, value in (("predict", predict), ("curve", curve)):
        if value is not None and option not in entry.options:
            raise InputError(f"--{option}: probe {name} does not take it")
    if curve is not None and predict is None:
        raise InputError("--curve: needs --predict, the share of its run that the file holds")
    proxies, table = None, None
    if entry.takes:
        if target is None:
            raise InputError(f"probe {name}: expected {_takes(entry)}")
        if Path(target).suffix.lower() in TABLES and Path(target).is_file():
            table = Path(target)
            if "table" not in entry.takes:
                raise InputError(f"probe {name}: expected {_takes(entry)}, found {target}")
    if entry.takes and table is None:
        assert target is not None
        proxies = proxies_of(target, sets)
        if kind_of(proxies) not in entry.takes:
            raise InputError(f"probe {name}: expected {_takes(entry)}, found {target}")
    elif target is not None and not entry.takes:
        raise InputError(f"probe {name}: takes no recipe, it brings its own model")
    probe: Probe = entry.load()  # before the clock starts: imports come on top of the minutes
    request = ProbeRequest(
        proxies,
        seed=seed,
        minutes=minutes,
        confidence=confidence,
        table=table,
        predict=predict,
        curve=curve,
    )
    try:
        result = probe(request)
    except TooLittleTime as error:
        advice = f"give it more time: --minutes {error.whole:g}"
        if error.least < error.whole:
            advice += f", or --minutes {error.least:g} for the least"
        result = ProbeResult("inconclusive", str(error), (), TIME_PLAN, advice=advice)
    except InputError as error:
        if error.path or error.message.startswith(("probe ", "--")):
            raise
        raise InputError(f"probe {name}: {error.message}") from error
    return ProbeDocument(
        probe=name,
        question=entry.question,
        subject=target or name,
        verdict=result.verdict,
        reason=result.reason,
        advice=advice_of(result),
        values={m.full_name: m.estimate for m in result.measures},
        expected={m.full_name: m.expected for m in result.measures if m.expected is not None},
        measures=result.measures,
        series=result.series,
        method=result.method,
        confidence=confidence,
        seconds=time.perf_counter() - request.started,
        notes=result.notes,
    )


def advice_of(result: ProbeResult) -> str | None:
    """Advice, with more time first where runs were left out and the answer is not decided.

    Args:
        result: What a probe found; a note of `fitting` names the minutes for everything.
    """
    advice = result.advice
    asked = [m[0] for n in result.notes if "no time" in n and (m := TIME_FOR_ALL.search(n))]
    if result.verdict != "inconclusive" or not asked:
        return advice
    if advice and MINUTES in advice:
        return advice.replace(f"({MINUTES})", f"({asked[0]})")
    then = f"; if that does not decide it: {advice}" if advice else ""
    return f"give it more time ({asked[0]}){then}"


def without_largest(result: ProbeResult, width: int) -> ProbeResult:
    """What smaller widths tell by themselves: nothing passes without the largest.

    Args:
        result: Of the smaller widths.
        width: The largest, for which there was no time.
    """
    if result.verdict != "pass":
        return result
    reason = f"{result.reason}; width {width} was not measured"
    advice = "give it more time (--minutes): the largest width is the one to compare with"
    return replace(result, verdict="inconclusive", reason=reason, advice=advice)


def applies(name: str, target: str) -> bool:
    """Whether a probe takes a target of this kind, or brings its own model.

    Args:
        name: Name of the probe.
        target: As the user gave it; it need not exist.
    """
    path = Path(target)
    if path.suffix.lower() in TABLES and path.is_file():
        kind = "table"
    elif is_callable(target):
        kind = "callable"
    else:
        kind = "run" if path.is_dir() else "recipe"
    entry = PROBES.get(name)
    return entry is None or not entry.takes or kind in entry.takes


def kind_of(proxies: Proxies) -> str:
    """What proxies come from: run, recipe or callable."""
    if proxies.run is not None:
        return "run"
    return "callable" if proxies.parameterization is None else "recipe"


def _takes(entry: ProbeEntry) -> str:
    return " or ".join(KINDS[kind] for kind in entry.takes)
