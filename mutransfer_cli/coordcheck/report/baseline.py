"""Baselines: findings that a project accepts for now; new ones still fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from mutransfer_cli.coordcheck.verdict.regime import (
    HIDDEN_ROLES,
    regime_contradiction,
    regime_remark,
)
from mutransfer_cli.documents.base import Part
from mutransfer_cli.documents.check import CheckDocument, TensorReport, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text


class Accepted(Part):
    """One accepted finding."""

    tensor: str = Field(description="tensor or module; empty for the whole model")
    finding: str
    reason: str = ""


class Baseline(Part):
    """The file that `--baseline` reads and `--write-baseline` writes."""

    schema_: Literal["mutransfer/baseline/v1"] = Field(
        default="mutransfer/baseline/v1", alias="schema"
    )
    accepted: tuple[Accepted, ...]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        InputError: The file cannot be read, or is not a baseline.
    """
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--baseline {path}: cannot be read: {error.strerror}") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise InputError(
            f"--baseline {path}: not a baseline; make one with --write-baseline"
        ) from error


def write_baseline(document: CheckDocument, path: Path) -> int:
    """Write all findings of a check as accepted, and return their number.

    Raises:
        InputError: The file cannot be written.
    """
    accepted = [
        Accepted(tensor=t.name, finding=t.finding, reason=t.message or "")
        for t in document.tensors
        if t.finding is not None and t.verdict in {"fail", "warn"}
    ]
    accepted += [
        Accepted(tensor=f.where, finding=f.finding, reason=f.message) for f in document.faults
    ]
    values = Baseline(accepted=tuple(accepted)).model_dump(mode="json", by_alias=True)
    write_text(path, json.dumps(values, indent=2) + "\n")
    return len(accepted)


def accept(document: CheckDocument, baseline: Baseline, strict: bool = False) -> CheckDocument:
    """The document with accepted findings as warnings, and its verdict without them.

    Args:
        document: The document of the check.
        baseline: The accepted findings.
        strict: Whether warnings fail too, unless they are accepted.
    """
    failing = {"fail", "warn"} if strict else {"fail"}
    known = {(a.tensor, a.finding) for a in baseline.accepted}

    def is_accepted(t: TensorReport) -> bool:
        return t.verdict in failing and (t.name, t.finding) in known

    tensors = tuple(
        t.model_copy(update={"verdict": "warn", "message": f"accepted: {t.message}"})
        if is_accepted(t)
        else t
        for t in document.tensors
    )
    faults = tuple(f for f in document.faults if (f.where, f.finding) not in known)
    new = [t.name for t in document.tensors if t.verdict in failing and not is_accepted(t)]
    new += [str(f) for f in faults]
    count = sum(map(is_accepted, document.tensors)) + len(document.faults) - len(faults)
    occurring = {(t.name, t.finding) for t in document.tensors}
    occurring |= {(f.where, f.finding) for f in document.faults}
    obsolete = len(known - occurring)
    notes = [f"{count} accepted by the baseline"] if count else []
    if obsolete:
        notes.append(f"{obsolete} accepted findings no longer occur; regenerate the baseline")
    verdict: Verdict = document.verdict
    reason = document.reason
    if document.verdict == "fail" and count:
        undecided = [t.name for t in document.tensors if t.verdict == "inconclusive"]
        verdict = "fail" if new else "inconclusive" if undecided else "pass"
        reason = f"new: {', '.join(new)}" if new else "nothing new"
        if undecided and not new:
            reason += f"; undecided: {', '.join(undecided)}"
    if verdict == "pass" and count:
        expected = [t.update_slope.expected for t in document.tensors if t.update_slope
                    and t.update_slope.expected is not None and t.role in HIDDEN_ROLES]  # fmt: skip
        contradiction = regime_contradiction(document.regime, expected, document.expected)
        if contradiction:
            verdict = "inconclusive"
            reason += f"; {contradiction}, which a baseline cannot accept"
        remark = regime_remark(document.regime, expected, document.expected)
        reason += f"; {remark}" if remark else ""
    return document.model_copy(
        update={
            "tensors": tensors,
            "faults": faults,
            "verdict": verdict,
            "reason": "; ".join([reason, *notes]),
        }
    )
