"""Workflow annotations for GitHub."""

from mutransfer_cli.check.document import CheckDocument

LEVELS = {"fail": "error", "warn": "warning", "inconclusive": "warning"}


def workflow_lines(document: CheckDocument) -> list[str]:
    """A line for each tensor that does not pass, and one for the verdict."""
    lines = [
        f"::{LEVELS[t.verdict]} title=mutransfer check::{escaped(f'{t.message}; {t.fix}')}"
        for t in document.tensors
        if t.verdict in LEVELS and t.message
    ]
    level = {"pass": "notice", "fail": "error", "inconclusive": "warning"}[document.verdict]
    verdict = escaped(f"{document.verdict}: {document.reason}")
    return [*lines, f"::{level} title=mutransfer check::{verdict}"]


def escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
