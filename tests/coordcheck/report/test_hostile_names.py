"""Reports of a check on tensors whose names are code in the language of the report."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from mutransfer_cli import check
from mutransfer_cli.cli.printed.check_findings import show
from mutransfer_cli.coordcheck.report import junit
from mutransfer_cli.coordcheck.report.github import summary, workflow_lines
from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.check import CheckDocument
from mutransfer_cli.report.coordcheck_plot import plot
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second
from tests.helpers.hostile_text import TEXTS, mixed_document


@pytest.fixture(scope="module")
def document() -> CheckDocument:
    return check(subject(lr=unscaled_second), WIDTHS).document


def cases(path: Path) -> int:
    return len(ElementTree.parse(path).getroot())


def test_junit(document: CheckDocument, tmp_path: Path) -> None:
    path = tmp_path / "j.xml"
    junit.write_junit(document, path)
    number = cases(path)
    for text in TEXTS:
        junit.write_junit(mixed_document(document, text), path)
        assert cases(path) == number


def test_junit_without_quotes_is_found(
    document: CheckDocument, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(junit, "xml", str)
    junit.write_junit(mixed_document(document, "\x1b"), tmp_path / "j.xml")
    with pytest.raises(ElementTree.ParseError):
        cases(tmp_path / "j.xml")


@pytest.mark.parametrize("text", TEXTS)
def test_github(document: CheckDocument, text: str) -> None:
    hostile = mixed_document(document, text)
    lines = workflow_lines(hostile)
    assert len("\n".join(lines).splitlines()) == len(workflow_lines(document))
    assert len(summary(hostile).splitlines()) == len(summary(document).splitlines())
    assert "<img" not in summary(hostile).replace("`", "")[: summary(hostile).find("|")]


@pytest.mark.parametrize("text", TEXTS)
def test_terminal(document: CheckDocument, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(mixed_document(document, text), every=False)
    shown = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in shown)
    commands = [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert commands == [] and "##[" not in shown


@pytest.mark.parametrize("text", TEXTS)
def test_json(document: CheckDocument, text: str) -> None:
    assert as_json(mixed_document(document, text)).isascii()


def test_plot(document: CheckDocument, tmp_path: Path) -> None:
    plot(mixed_document(document, "$x_{$ \\frac{"), tmp_path / "p.svg")
    assert (tmp_path / "p.svg").stat().st_size > 0
