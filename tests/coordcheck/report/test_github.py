"""GitHub: the step summary and the annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli import check
from mutransfer_cli.coordcheck.report.github import workflow_lines, write_summary
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second


def test_step_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    write_summary(check(subject(lr=unscaled_second), WIDTHS).document)
    text = path.read_text()
    assert text.startswith("### mutransfer check: fail")
    assert "| `second.weight` | fail |" in text


def test_an_annotation_for_each_tensor_that_fails() -> None:
    lines = workflow_lines(check(subject(lr=unscaled_second), WIDTHS).document)
    assert lines[0].startswith("::error title=mutransfer check::`second.weight`")
