"""JUnit: a case for each tensor and aspect, a failure with the message."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from mutransfer_cli import check
from mutransfer_cli.coordcheck.report.junit import write_junit
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second


def test_a_case_for_each_tensor_and_aspect(tmp_path: Path) -> None:
    write_junit(check(subject(lr=unscaled_second), WIDTHS).document, tmp_path / "j.xml")
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    cases = {c.get("name"): c for c in suite}
    assert {"second.weight: update", "second.weight: init", "first.bias: update"} <= cases.keys()
    assert suite.get("failures") == "1" and suite.get("tests") == str(len(cases))
    assert [n for n, c in cases.items() if c.find("failure") is not None] == [
        "second.weight: update"
    ]


def test_a_failure_names_the_tensor(tmp_path: Path) -> None:
    report = check(subject(lr=lambda n, m: m if n == "second.weight" else 1), WIDTHS)
    write_junit(report.document, tmp_path / "j.xml")
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert suite.get("failures") == "1"
    (failure,) = suite.iter("failure")
    assert "second.weight" in (failure.get("message") or "")
