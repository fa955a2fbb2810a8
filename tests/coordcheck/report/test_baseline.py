"""A baseline accepts what is known, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli import InputError, check
from mutransfer_cli.coordcheck.report.baseline import accept, read_baseline, write_baseline
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second


def test_a_baseline_accepts_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    known = check(subject(lr=unscaled_second), WIDTHS).document
    assert write_baseline(known, path) == 1
    assert json.loads(path.read_text())["accepted"][0]["tensor"] == "second.weight"
    accepted = accept(known, read_baseline(path))
    assert accepted.verdict == "pass" and "1 accepted" in accepted.reason
    assert {t.name: t.verdict for t in accepted.tensors}["second.weight"] == "warn"
    both = {"second.weight", "third.weight"}
    worse = check(subject(lr=lambda n, m: m if n in both else 1), WIDTHS).document
    found = accept(worse, read_baseline(path))
    assert found.verdict == "fail" and found.reason.startswith("new: third.weight")
    unclear = [
        t.model_copy(update={"verdict": "inconclusive"}) if t.name == "first.bias" else t
        for t in known.tensors
    ]
    undecided = accept(known.model_copy(update={"tensors": tuple(unclear)}), read_baseline(path))
    assert undecided.verdict == "inconclusive" and "first.bias" in undecided.reason
    right = accept(check(subject(), WIDTHS).document, read_baseline(path))
    assert right.verdict == "pass" and "no longer occur" in right.reason
    path.write_text("[]")
    with pytest.raises(InputError, match=r"baseline\.json: not a baseline"):
        read_baseline(path)


def test_a_baseline_under_strict_accepts_warnings(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    fading = check(subject(decay=lambda m: 1 / m), WIDTHS, strict=True).document
    assert fading.verdict == "fail" and write_baseline(fading, path) > 0
    assert accept(fading, read_baseline(path), strict=True).verdict == "pass"
    path.write_text('{"schema": "mutransfer/baseline/v1", "accepted": []}')
    assert accept(fading, read_baseline(path), strict=True).verdict == "fail"
