"""The result that `mutransfer_cli.check` returns."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.check import CheckDocument, TensorReport


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check: its document, with shortcuts to its main parts."""

    document: CheckDocument

    @property
    def verdict(self) -> str:
        """The verdict: pass, fail or inconclusive."""
        return self.document.verdict

    @property
    def passed(self) -> bool:
        """Whether the verdict is pass."""
        return self.document.verdict == "pass"

    @property
    def tensors(self) -> tuple[TensorReport, ...]:
        """The verdict on each tensor."""
        return self.document.tensors

    @property
    def sentences(self) -> list[str]:
        """One line for each problem with its repair, then one for the verdict."""
        lines = [f"{t.verdict}: {t.message}; {t.fix}" for t in self.tensors if t.message]
        return [*lines, f"{self.verdict}: {self.document.reason}"]

    def to_json(self) -> str:
        """The document of `mutransfer check --json`."""
        return as_json(self.document)
