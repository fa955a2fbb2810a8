"""Weight decay and epsilon are measured on any optimizer."""

from __future__ import annotations

from mutransfer_cli import check
from tests.helpers.check_subjects import WIDTHS, small_subject, subject


def test_epsilon_as_large_as_the_gradient_is_named() -> None:
    report = check(lambda width: small_subject(width, eps=1e-3), WIDTHS)
    found = {t.name: t.finding for t in report.tensors if t.aspects.get("epsilon") == "fail"}
    assert "second.weight" in found and report.verdict == "fail"
    assert check(lambda width: small_subject(width, eps=1e-10), WIDTHS).passed


def test_decay_that_changes_with_width_is_a_warning() -> None:
    right = check(subject(decay=lambda m: 1.0), WIDTHS)
    assert all(t.verdict == "pass" for t in right.tensors)
    fading = check(subject(decay=lambda m: 1 / m), WIDTHS)
    assert {t.finding for t in fading.tensors if t.verdict == "warn"} == {"weight-decay"}
    assert fading.verdict == "pass"
