"""The verdict on a model along the width, from reports and measurements made up for the purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.coordcheck.verdict.width_verdict import (
    notes_on_unjudged,
    overall_verdict,
    tensor_report,
)
from mutransfer_cli.documents.check import (
    AspectVerdict,
    ControlReport,
    FaultReport,
    TensorReport,
)
from mutransfer_cli.models.subject import Subject


def unbuilt(width: int, seed: int) -> Subject:
    raise AssertionError("nothing is measured here")


REQUEST = CheckRequest(unbuilt, {}, "mup", (64, 128))
SEEN = ControlReport(what="lr × width", verdict="fail")
EXACT = SlopeFit(0.0, 0.01, 4)
HIDDEN = Expectation("hidden", update=0.0, init=0.0, decay=0.0)


def report(name: str, verdict: AspectVerdict = "pass") -> TensorReport:
    return TensorReport(
        name=name, role="hidden", verdict=verdict, finding=None, message=None, fix=None,
        update_slope=None, init_slope=None, decay_slope=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "strict", "verdict", "reason"),
    [
        (["pass", "pass"], False, "pass", "all 2 tensors scale as mup"),
        (["pass", "fail"], False, "fail", "1 of 2 tensors do not scale as mup"),
        (["pass", "warn"], False, "pass", "all 2 tensors"),
        (["pass", "warn"], True, "fail", "1 of 2 tensors"),
        (["pass", "inconclusive"], False, "inconclusive", "b: deviation within two standard"),
        (["fail", "inconclusive"], False, "fail", "1 of 2 tensors"),
    ],
)
def test_the_worst_tensor_decides(
    verdicts: list[AspectVerdict], strict: bool, verdict: str, reason: str
) -> None:
    tensors = [report(name, v) for name, v in zip("ab", verdicts, strict=True)]
    found = overall_verdict(tensors, SEEN, (), "mup", strict)
    assert found[0] == verdict and found[1].startswith(reason)


def test_a_pass_needs_a_control_that_fails() -> None:
    blind = ControlReport(what="lr × width", verdict="pass")
    verdict, reason = overall_verdict([report("a")], blind, (), "mup", strict=False)
    assert verdict == "inconclusive" and "lr × width" in reason
    assert overall_verdict([report("a")], SEEN, (), "mup", strict=False)[0] == "pass"


def test_faults_of_the_model_fail_it() -> None:
    lazy = FaultReport(finding="lazy", where="", message="it does not learn")
    unstable = FaultReport(finding="unstable", where="", message="it blows up")
    verdict, reason = overall_verdict([report("a", "fail")], SEEN, (lazy,), "mup", strict=False)
    assert verdict == "fail" and reason.startswith("lazy: it does not learn; 1 of 1 tensors")
    verdict, reason = overall_verdict([report("a", "fail")], SEEN, (unstable,), "mup", strict=False)
    assert verdict == "fail" and "tensors" not in reason  # whose verdicts mean nothing then


def test_a_readout_that_starts_too_small_is_a_warning() -> None:
    v = TensorVerdict("r", EXACT, EXACT, None, 0.0, 0.01, -0.5, 0.0, moved=True)
    assert tensor_report(v, HIDDEN, 4.0).verdict == "fail"
    assert tensor_report(v, replace(HIDDEN, role="readout"), 4.0).verdict == "warn"
    large = replace(v, init_deviation=0.5)
    assert tensor_report(large, replace(HIDDEN, role="readout"), 4.0).verdict == "fail"


def test_a_tensor_that_passes_has_no_finding() -> None:
    v = TensorVerdict("h", EXACT, EXACT, None, 0.0, 0.01, 0.0, 0.0, moved=True)
    passed = tensor_report(v, HIDDEN, 4.0)
    assert (passed.verdict, passed.finding, passed.fix) == ("pass", None, None)
    failed = tensor_report(replace(v, deviation=1.0), HIDDEN, 4.0)
    assert (failed.verdict, failed.finding) == ("fail", "lr-too-large")


def test_the_verdict_counts_what_was_judged() -> None:
    frozen = report("c", "not judged").model_copy(update={"not_judged": {"update": "frozen"}})
    tensors = [report("a"), report("b"), frozen]
    _, reason = overall_verdict(tensors, SEEN, (), "mup", strict=False)
    assert reason.startswith("2 of 3 tensors scale as mup, and 1 are not judged")
    assert notes_on_unjudged(tensors) == ("update not judged, frozen: c",)
    assert overall_verdict([frozen], SEEN, (), "mup", strict=False)[0] == "inconclusive"
