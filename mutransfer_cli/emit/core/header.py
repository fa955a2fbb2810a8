"""The header of every file: its content, the origin of its numbers, and the deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mutransfer_cli.catalog.stack_versions import version_lines
from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.scale import Deviation, Provenance, ScaleDocument
from mutransfer_cli.emit.core.comments import comment_block
from mutransfer_cli.interval import Interval
from mutransfer_cli.version import __version__

DOCUMENT_USAGE = (
    "Put this file beside your training script, whose Python has mutransfer installed:",
    'from mutransfer_cli import load_plan; plan = load_plan("THIS_FILE")',
    "model = ...  # your own model at the target's size",
    "plan.initialize(model, seed=0); plan.install(model)",
    "optimizers = plan.optimizers(model)  # clip the gradient norm at plan.clip, if not None",
    "Schedule: hyperparameters.schedule, in shares of the run; multiply every rate by it.",
    "Fill in: nothing here; model and data are your script's.",
)
SECTIONS = ("init", "multipliers", "lr_factors", "schedule")
UNSET_AT_ZERO = ("momentum", "z_loss")  # a weight decay or a final rate of 0 is a choice


def deviation_line(deviation: Deviation) -> str:
    """A deviation, which a comment or a terminal shows in one line."""
    d = deviation
    planned, actual = (f"{v:.6g}" if isinstance(v, float) else v for v in (d.wanted, d.got))
    return f"deviation: {d.what}: planned {planned}, here {actual}: {d.consequence}"


def header_lines(document: ScaleDocument, usage: Sequence[str] = ()) -> list[str]:
    """The lines of the header, without comment signs: what to do, what differs, where it is from.

    Args:
        document: The document of `scale`.
        usage: Where to put the file, how to start it, and what to fill in.
    """
    b, t, m = document.base, document.target, document.multipliers
    h = document.hyperparameters
    lines = [
        f"mutransfer {__version__}: {document.parameterization}, {document.optimizer}, "
        f"from width {b.width}, depth {b.depth}, batch {b.batch}, {b.steps} steps",
        f"to width {t.width}, depth {t.depth}, batch {t.batch}, {t.steps} steps "
        f"(width × {m.width:g}, depth × {m.depth:g}, batch × {m.batch:g}, data × {m.duration:g}).",
        *usage,
        *difference_lines(document),
        "",
        f"Where the numbers come from. At the base: {quoted_values(h)}",
    ]
    sections = {n: quoted_values(h.get(n) or {}) for n in SECTIONS}
    lines += [f"{name}: {text}" for name, text in sections.items() if text]
    row = STACKS.get(document.format)
    lines += [] if row is None else version_lines(row.versions)
    p = document.provenance
    if p is not None:
        lines += [f"from {p.run}: {line}" for line in provenance_lines(p)]
    return lines


def quoted_values(values: Mapping[str, Any]) -> str:
    """Hyperparameters as text, without those that are not set, such as momentum under AdamW."""
    said = {
        k: v
        for k, v in values.items()
        if not isinstance(v, dict) and (v or (v == 0 and v is not False and k not in UNSET_AT_ZERO))
    }
    return ", ".join(f"{k} {v}" for k, v in said.items())


def difference_lines(document: ScaleDocument) -> list[str]:
    """What the stack does differently from the plan, and what else to know."""
    notes = [f"note: {note}" for note in document.notes]
    if not document.deviations:
        return ["", "As far as mutransfer knows, it trains as planned.", *notes]
    deviations = [deviation_line(d) for d in document.deviations]
    return ["", "What differs from the plan (scale --strict refuses it):", *deviations, *notes]


def header_block(document: ScaleDocument, usage: Sequence[str] = ()) -> str:
    """The header as comments, which begins with how to use the file."""
    return comment_block(header_lines(document, usage))


def interval_text(estimate: Interval, confidence: str = "") -> str:
    """A value with its interval."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.4g} (no interval)"
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g}{confidence})"


def provenance_lines(p: Provenance) -> list[str]:
    """Fitted optima, cost of the proxies, versions and digests of the run."""
    lines = []
    at = f" at {percentage(p.confidence)}"
    for name, estimate in p.optima.items():
        lines.append(f"{name} {interval_text(estimate, at)}")
    if p.choice is not None:
        lines.append(f"chosen for the {p.choice}")
    if p.trials is not None and p.seconds is not None and p.flops is not None:
        lines.append(
            f"{p.trials} trials of proxies, {p.flops:.3g} FLOPs, {p.seconds:.0f} s of training"
        )
    if p.versions:
        versions = ", ".join(f"{k} {v}" for k, v in p.versions.items())
        lines.append(f"made with {versions}; device {p.device}; seed {p.seed}")
    if p.digest is not None:
        lines.append(f"digest of the run {p.digest[:16]}, of its data {str(p.data_digest)[:16]}")
    if p.git_revision:
        lines.append(f"code at git revision {p.git_revision}")
    return lines
