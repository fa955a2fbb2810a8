"""Findings that a project has decided to live with; new ones still fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mutransfer_cli.documents.check import CheckDocument, TensorReport, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text


class Accepted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tensor: str = Field(description="or the module; empty for the whole model")
    finding: str
    reason: str = ""


class Baseline(BaseModel):
    """What `--baseline FILE` reads and `--write-baseline FILE` writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["mutransfer/baseline/v1"] = Field(
        default="mutransfer/baseline/v1", alias="schema"
    )
    accepted: tuple[Accepted, ...]


def read_baseline(path: Path) -> Baseline:
    """Raises InputError for a file that is no baseline."""
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--baseline {path}: cannot be read: {error.strerror}") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise InputError(
            f"--baseline {path}: not a baseline; make one with --write-baseline"
        ) from error


def write_baseline(document: CheckDocument, path: Path) -> int:
    """Accept everything that this check found; returns how many findings that were."""
    found = [
        Accepted(tensor=t.name, finding=t.finding, reason=t.message or "")
        for t in document.tensors
        if t.finding is not None and t.verdict in {"fail", "warn"}
    ]
    found += [
        Accepted(tensor=f.where, finding=f.finding, reason=f.message) for f in document.faults
    ]
    values = Baseline(accepted=tuple(found)).model_dump(mode="json", by_alias=True)
    write_text(path, json.dumps(values, indent=2) + "\n")
    return len(found)


def accept(document: CheckDocument, baseline: Baseline, strict: bool = False) -> CheckDocument:
    """The document with accepted findings as warnings, and its verdict without them.

    strict: warnings fail too, unless they are accepted.
    """
    bad = {"fail", "warn"} if strict else {"fail"}
    known = {(a.tensor, a.finding) for a in baseline.accepted}

    def judged(t: TensorReport) -> TensorReport:
        if t.verdict in bad and (t.name, t.finding) in known:
            return t.model_copy(update={"verdict": "warn", "message": f"accepted: {t.message}"})
        return t

    tensors = tuple(judged(t) for t in document.tensors)
    faults = tuple(f for f in document.faults if (f.where, f.finding) not in known)
    accepted = sum(a != b for a, b in zip(tensors, document.tensors, strict=True))
    failed = [
        a.name
        for a, b in zip(tensors, document.tensors, strict=True)
        if a == b and a.verdict in bad
    ]
    failed += [str(f) for f in faults]
    accepted += len(document.faults) - len(faults)
    found = {(t.name, t.finding) for t in document.tensors}
    found |= {(f.where, f.finding) for f in document.faults}
    gone = len(known - found)
    notes = [f"{accepted} accepted by the baseline"] if accepted else []
    notes += (
        [f"{gone} accepted findings are there no more: write the baseline anew"] if gone else []
    )
    verdict: Verdict = document.verdict
    reason = document.reason
    if document.verdict == "fail" and accepted:
        verdict = "fail" if failed else "pass"
        reason = f"new: {', '.join(failed)}" if failed else "nothing new"
    return document.model_copy(
        update={
            "tensors": tensors, "faults": faults, "verdict": verdict,
            "reason": "; ".join([reason, *notes]),
        }
    )  # fmt: skip
