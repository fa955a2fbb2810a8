"""GitHub: workflow annotations and the step summary."""

from __future__ import annotations

import os

from mutransfer_cli.documents.check import CheckDocument
from mutransfer_cli.quoting import github, markdown, markdown_code, one_line

LEVELS = {"fail": "error", "warn": "warning", "inconclusive": "warning"}


def workflow_lines(document: CheckDocument) -> list[str]:
    """A line for each tensor that does not pass, and one for the verdict."""
    lines = [
        f"::{LEVELS[t.verdict]} title=mutransfer check::{github(f'{t.message}; {t.fix}')}"
        for t in document.tensors
        if t.verdict in LEVELS and t.message
    ]
    level = {"pass": "notice", "fail": "error", "inconclusive": "warning"}[document.verdict]
    verdict = github(f"{document.verdict}: {document.reason}")
    return [*lines, f"::{level} title=mutransfer check::{verdict}"]


def summary(document: CheckDocument) -> str:
    """Markdown for the page of a workflow run."""
    lines = [f"### mutransfer check: {document.verdict}", "", markdown(document.reason), ""]
    shown = [t for t in document.tensors if t.verdict != "pass"]
    if shown:
        lines += ["| tensor | verdict | finding | repair |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {markdown_code(t.name)} | {t.verdict} | {markdown(t.message or '')} "
            f"| {markdown(t.fix or '')} |"
            for t in shown
        ]
        lines.append("")
    lines += [f"This check cannot detect: {one_line(limit)}." for limit in document.limits]
    return "\n".join(lines) + "\n"


def write_summary(document: CheckDocument) -> None:
    """Append the summary to the file in `GITHUB_STEP_SUMMARY`, if it is set."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(summary(document))
