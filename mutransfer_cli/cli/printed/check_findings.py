"""The terminal output of `mutransfer check`: verdict, findings with their repairs, tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mutransfer_cli.cli.terminal.output import show_line, show_verdict, table
from mutransfer_cli.cli.terminal.table_layout import KEPT
from mutransfer_cli.documents.tensor_groups import grouped, labels, pattern_of

if TYPE_CHECKING:
    from mutransfer_cli.documents.check import CheckDocument, FaultReport, Slope, TensorReport

HANG = len("  repair  ")


def show(document: CheckDocument, every: bool) -> None:
    """Print the verdict, the findings, the table of tensors, and what was not judged.

    Args:
        document: The document of the check.
        every: Whether tensors that differ in the index of their layer have their own lines.
    """
    is_named = f"regime: {document.regime}" in document.reason
    regime = f"; regime: {document.regime}" if document.regime and not is_named else ""
    show_verdict(document.verdict, f": {document.reason}{regime} ({document.seconds:.1f} s)")
    show_line("")
    for fault in document.faults:
        show_fault(fault)
    for tensors in alike(t for t in document.tensors if t.message):
        show_finding(tensors, every)
    show_tensors(document, every)
    if document.axis == "depth":
        for m in document.modules:
            s = m.init_slope or m.change_slope
            if s is not None:
                show_line(f"{m.name}: {slope(s)}, expected {s.expected:+.1f}")
    for note in document.notes:
        show_line(f"note: {note}")
    for limit in document.limits:
        show_line(f"this check cannot detect: {limit}")


def show_fault(fault: FaultReport) -> None:
    """Print a finding about the model or a module."""
    show_verdict("fail", f" {fault.finding}")
    show_line(f"  where   {fault.where or 'the model'}", hang=HANG)
    show_line(f"  what    {fault.message}", hang=HANG)
    if fault.fix:
        show_line(f"  repair  {fault.fix}", hang=HANG)
    show_line("")


def alike(tensors: Iterable[TensorReport]) -> list[list[TensorReport]]:
    """Tensors with the same finding and the same repair."""
    groups: dict[tuple[str, ...], list[TensorReport]] = {}
    for t in tensors:
        fix = (t.fix or "").replace(t.name, pattern_of(t.name))
        what = t.finding or pattern_of((t.message or "").removeprefix(f"`{t.name}`"))
        groups.setdefault((t.verdict, what, fix), []).append(t)
    return list(groups.values())


def show_finding(tensors: Sequence[TensorReport], every: bool) -> None:
    """Print one finding: what it is, where, how large, and the repair.

    Args:
        tensors: The tensors that have it.
        every: Whether each has its own name.
    """
    first = max(tensors, key=deviation)
    where = [t.name for t in tensors] if every else labels(tensors)
    message = (first.message or "").removeprefix(f"`{first.name}`: ")
    show_verdict(first.verdict, f" {first.finding or ''}".rstrip())
    show_line(f"  where   {', '.join(name.replace(' ', KEPT) for name in where)}", hang=HANG)
    show_line(f"  what    {message}", hang=HANG)
    if len(tensors) > 1:
        show_line(f"          (the largest of {len(tensors)}, of {first.name})")
    if first.fix:
        show_line(f"  repair  {first.fix}", hang=HANG)
    show_line("")


def deviation(t: TensorReport) -> float:
    """How far the slope of a tensor is from what the theory predicts."""
    s = t.update_slope
    return 0.0 if s is None or s.expected is None else abs(s.value - s.expected)


def show_tensors(document: CheckDocument, every: bool) -> None:
    """Print the slope of every tensor; of alike ones, the one farthest from the prediction."""

    def row(t: TensorReport) -> tuple[str, ...]:
        s = t.update_slope
        expected = "-" if s is None or s.expected is None else f"{s.expected:+.1f}"
        return t.role, "-" if s is None else slope(s), expected, t.verdict

    def shown(t: TensorReport) -> tuple[str, ...]:
        role, _, expected, verdict = row(t)
        return role, expected, verdict

    groups = grouped(document.tensors, shown, every)
    of_several = any(len(tensors) > 1 for _, tensors in groups)
    table(
        f"slope in {document.axis} of each tensor's own effect; {plural(document.axis)} "
        f"{', '.join(map(str, document.sizes))}; {document.seeds} seeds"
        + ("; of several tensors the one farthest from the expected" if of_several else ""),
        ("tensor", "role", "slope", "expected", "verdict"),
        ((name.replace(" ", KEPT), *row(max(tensors, key=deviation))) for name, tensors in groups),
    )


def plural(axis: str) -> str:
    """What the sizes along an axis are called."""
    return f"{axis}s" if axis in {"width", "depth"} else "sizes"


def slope(s: Slope) -> str:
    """A slope with half of its interval."""
    if s.low is None or s.high is None:
        return f"{s.value:+.2f}"
    return f"{s.value:+.2f} ±{(s.high - s.low) / 2:.2f}"
