"""A baseline accepts what is known, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli import InputError, check
from mutransfer_cli.coordcheck.report.baseline import accept, read_baseline, write_baseline
from tests.helpers.check_subjects import WIDTHS, Change, subject, unscaled_second


def fading(*names: str) -> Change:
    """Learning rates that shrink, of tensors outside the hidden matrices: the regime stays."""
    return lambda name, m: 1 / m if name in names else 1.0


def test_a_baseline_accepts_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    known = check(subject(lr=fading("first.weight")), WIDTHS).document
    assert write_baseline(known, path) == 1
    assert json.loads(path.read_text())["accepted"][0]["tensor"] == "first.weight"
    accepted = accept(known, read_baseline(path))
    assert accepted.verdict == "pass" and "1 accepted" in accepted.reason
    assert {t.name: t.verdict for t in accepted.tensors}["first.weight"] == "warn"
    worse = check(subject(lr=fading("first.weight", "third.bias")), WIDTHS).document
    found = accept(worse, read_baseline(path))
    assert found.verdict == "fail" and found.reason.startswith("new: third.bias")
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
    decaying = check(subject(decay=lambda m: 1 / m), WIDTHS, strict=True).document
    assert decaying.verdict == "fail" and write_baseline(decaying, path) > 0
    assert accept(decaying, read_baseline(path), strict=True).verdict == "pass"
    path.write_text('{"schema": "mutransfer/baseline/v1", "accepted": []}')
    assert accept(decaying, read_baseline(path), strict=True).verdict == "fail"


def test_a_regime_is_never_accepted(tmp_path: Path) -> None:
    """Changes of the hidden layers that grow with the width contradict a pass."""
    path = tmp_path / "baseline.json"
    known = check(subject(lr=unscaled_second), WIDTHS).document
    assert known.regime == "unstable" and write_baseline(known, path) == 1
    accepted = accept(known, read_baseline(path))
    assert accepted.verdict == "inconclusive" and "regime: unstable" in accepted.reason
