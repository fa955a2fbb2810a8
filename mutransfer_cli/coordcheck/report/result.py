"""What `mutransfer_cli.check` returns."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.check import CheckDocument, TensorReport


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check: its document, and shortcuts to what callers need most."""

    document: CheckDocument

    @property
    def verdict(self) -> str:
        """pass, fail or inconclusive."""
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
        """What is wrong, a line each: tensors with their repair, and the verdict last."""
        lines = [f"{t.verdict}: {t.message}; {t.fix}" for t in self.tensors if t.message]
        return [*lines, f"{self.verdict}: {self.document.reason}"]

    def to_json(self) -> str:
        """The document of `mutransfer check --json`."""
        return as_json(self.document)
