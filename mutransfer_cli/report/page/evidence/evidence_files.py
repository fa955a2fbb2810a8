"""Finds the documents of checks, probes, laws and forecasts that a page shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mutransfer_cli.documents.base import validated
from mutransfer_cli.documents.check import CheckDocument
from mutransfer_cli.documents.law import LawDocument
from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.documents.probe import ProbeDocument, ProbeListDocument

KINDS: tuple[type[BaseModel], ...] = (
    CheckDocument,
    ProbeDocument,
    ProbeListDocument,
    LawDocument,
    PredictDocument,
)
LARGEST = 64 * 2**20  # bytes of a file that may be such a document


@dataclass(frozen=True)
class Evidence:
    """The documents, each with the file that holds it.

    Attributes:
        checks: Coordinate checks.
        probes: Probes.
        laws: Scaling laws.
        forecasts: Predictions for one target.
    """

    checks: tuple[tuple[str, CheckDocument], ...] = ()
    probes: tuple[tuple[str, ProbeDocument], ...] = ()
    laws: tuple[tuple[str, LawDocument], ...] = ()
    forecasts: tuple[tuple[str, PredictDocument], ...] = ()

    @property
    def kinds(self) -> tuple[tuple[tuple[str, BaseModel], ...], ...]:
        """The documents by kind."""
        return self.checks, self.probes, self.laws, self.forecasts

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(self.kinds)


NO_EVIDENCE = Evidence()


def split_sources(sources: Sequence[str]) -> tuple[list[str], Evidence]:
    """Separate runs and tables from documents; those in run directories are found too.

    Args:
        sources: Paths of runs, tables and documents, as the command line names them.

    Returns:
        The runs and tables, and the documents.

    Raises:
        InputError: A file says that it is such a document, and is not.
    """
    runs: list[str] = []
    found: dict[Path, BaseModel] = {}
    for source in sources:
        path = Path(source)
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        documents = {file: d for file in inside if (d := document_in(file)) is not None}
        found |= documents
        if path.is_dir() or not documents:
            runs.append(source)
    pairs = [(str(file), each) for file, d in found.items() for each in parts(d)]
    return runs, Evidence(
        tuple((file, d) for file, d in pairs if isinstance(d, CheckDocument)),
        tuple((file, d) for file, d in pairs if isinstance(d, ProbeDocument)),
        tuple((file, d) for file, d in pairs if isinstance(d, LawDocument)),
        tuple((file, d) for file, d in pairs if isinstance(d, PredictDocument)),
    )


def document_in(path: Path) -> BaseModel | None:
    """The document in a file; None if the file does not say that it is one.

    Raises:
        InputError: It says so, and is not.
    """
    try:
        if path.suffix != ".json" or path.stat().st_size > LARGEST:
            return None
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    schema = values.get("schema") if isinstance(values, dict) else None
    for kind in KINDS:
        if schema == kind.model_fields["schema_"].default:
            return validated(kind, values, path, f"a document of {schema}")
    return None


def parts(document: BaseModel) -> Iterator[BaseModel]:
    """The document, or the probes of a list."""
    if isinstance(document, ProbeListDocument):
        yield from document.results
    else:
        yield document
