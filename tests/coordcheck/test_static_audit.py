"""What runs in CI: pytest fixture, JUnit, annotations, baseline, static audit; bad input."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mutransfer_cli import InputError, Subject, check
from mutransfer_cli.coordcheck.report.baseline import accept, read_baseline, write_baseline
from mutransfer_cli.coordcheck.report.github import write_summary
from mutransfer_cli.coordcheck.report.junit import write_junit
from tests.helpers.check_subjects import subject

WIDTHS = [64, 128, 256]
pytest_plugins = ["pytester"]


def broken(name: str, m: float) -> float:
    """The learning rate of one hidden matrix is not divided by the width multiplier."""
    return m if name == "second.weight" else 1.0


def test_fixture(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile(
        """
        from tests.helpers.check_subjects import subject

        def test_right(mup_check):
            assert mup_check(subject(), widths=[64, 128, 256]).passed

        def test_wrong(mup_check):
            mup_check(subject(lr=lambda n, m: m if n == "second.weight" else 1), [64, 128, 256])
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*fail: `second.weight`: its update grows like m^*: its learning rate is 4 times too *"]
    )


def test_a_case_for_each_tensor_and_aspect(tmp_path: Path) -> None:
    write_junit(check(subject(lr=broken), WIDTHS).document, tmp_path / "j.xml")
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    cases = {c.get("name"): c for c in suite}
    assert {"second.weight: update", "second.weight: init", "first.bias: update"} <= cases.keys()
    assert suite.get("failures") == "1" and suite.get("tests") == str(len(cases))
    assert [n for n, c in cases.items() if c.find("failure") is not None] == [
        "second.weight: update"
    ]


def test_step_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    write_summary(check(subject(lr=broken), WIDTHS).document)
    text = path.read_text()
    assert text.startswith("### mutransfer check: fail")
    assert "| `second.weight` | fail |" in text


def test_a_baseline_accepts_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    known = check(subject(lr=broken), WIDTHS).document
    assert write_baseline(known, path) == 1
    assert json.loads(path.read_text())["accepted"][0]["tensor"] == "second.weight"
    accepted = accept(known, read_baseline(path))
    assert accepted.verdict == "pass" and "1 accepted" in accepted.reason
    assert {t.name: t.verdict for t in accepted.tensors}["second.weight"] == "warn"
    both = {"second.weight", "third.weight"}
    worse = check(subject(lr=lambda n, m: m if n in both else 1), WIDTHS).document
    found = accept(worse, read_baseline(path))
    assert found.verdict == "fail" and found.reason.startswith("new: third.weight")
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


@pytest.mark.parametrize("model", ["mlp", "gpt"])
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_static_audit_passes_what_is_right(model: str, kind: str) -> None:
    report = check(subject(model, kind), WIDTHS, static=True)
    assert report.passed, report.sentences


def test_static_audit_names_a_wrong_group() -> None:
    report = check(subject(lr=broken), WIDTHS, static=True)
    assert report.verdict == "fail"
    assert {t.name: t.finding for t in report.tensors if t.verdict == "fail"} == {
        "second.weight": "lr-too-large"
    }


class Small(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, width), nn.Linear(width, width)
        self.last = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.last(torch.relu(self.second(torch.relu(self.first(x)))))
        return y


def example(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 6, generator=g), torch.randint(0, 3, (8,), generator=g)


def entropy(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def ntk_form(width: int, lr: float = 0.01) -> Subject:
    """muP in other clothes: unit init of the hidden matrix, its 1/√n in the forward pass."""

    class Scaled(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.linear(x, self.weight * width**-0.5, self.bias)

    model = Small(width)
    model.second = Scaled(width, width)
    nn.init.normal_(model.second.weight)
    nn.init.zeros_(model.last.weight)
    m = width / 64
    groups = [
        {"params": [model.second.weight], "lr": lr * m**-0.5},
        {"params": [model.last.weight], "lr": lr / m},
        {"params": [*model.first.parameters(), model.second.bias, model.last.bias], "lr": lr},
    ]
    return Subject(model, torch.optim.Adam(groups, lr=lr), loss=entropy, batch=example)


def test_other_forms_of_the_same_pass_both_ways() -> None:
    assert check(ntk_form, WIDTHS).passed
    static = check(ntk_form, WIDTHS, static=True)
    wrong = {t.name for t in static.tensors if t.verdict == "fail"}
    assert wrong <= {"last.weight"}  # of a zero readout the init does not tell the form


def own(width: int, **changes: object) -> Subject:
    model = Small(width)
    nn.init.zeros_(model.last.weight)
    m = width / 64
    scaled = [model.second.weight, model.last.weight]
    rest = [p for p in model.parameters() if all(p is not s for s in scaled)]
    lr, options = 0.01, {"eps": changes.get("eps", 1e-8)}
    optimizer = torch.optim.Adam(
        [{"params": scaled, "lr": lr / m}, {"params": rest, "lr": lr}], lr=lr, **options
    )
    return Subject(model, optimizer, loss=entropy, batch=example)


def test_epsilon_as_large_as_the_gradient_is_named() -> None:
    report = check(lambda width: own(width, eps=1e-3), WIDTHS)
    found = {t.name: t.finding for t in report.tensors if t.aspects.get("epsilon") == "fail"}
    assert "second.weight" in found and report.verdict == "fail"
    assert check(lambda width: own(width, eps=1e-10), WIDTHS).passed


def test_warm_up_from_zero() -> None:
    def build(width: int) -> Subject:
        made = own(width)
        torch.optim.lr_scheduler.LambdaLR(made.optimizer, lambda step: min(1.0, step / 100))
        assert made.optimizer.param_groups[0]["lr"] == 0
        return made

    assert check(build, WIDTHS).passed


def test_inference_that_differs_is_noted() -> None:
    class TwoPaths(Small):
        def forward(self, x: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
            logits = super().forward(x)
            return logits if targets is not None else logits * x.shape[0]

    def build(width: int) -> Subject:
        made = own(width)
        made.model.__class__ = TwoPaths
        nn.init.normal_(made.model.last.weight, std=0.1)
        made.loss = lambda model, b: F.cross_entropy(model(b[0], b[1]), b[1])
        return made

    report = check(build, WIDTHS)
    assert any("training and inference differ" in n for n in report.document.notes)


def test_bad_input_is_one_line() -> None:
    def frozen(width: int) -> Subject:
        made = own(width)
        made.model.requires_grad_(False)
        return made

    def named(width: int) -> Subject:
        made = own(width)
        made.model.add_module(f"extra{width}", nn.Linear(2, 2))
        return made

    def noisy(width: int) -> Subject:
        made = own(width)
        made.batch = lambda seed: (torch.randn(8, 6), torch.randint(0, 3, (8,)))
        return made

    def vector(width: int) -> Subject:
        made = own(width)
        made.loss = lambda model, b: model(b[0]).sum(0)
        return made

    for build, line in (
        (frozen, "no trainable parameters"),
        (named, "extra"),
        (noisy, "batch"),
        (vector, "scalar"),
    ):
        with pytest.raises(InputError, match=line) as caught:
            check(build, WIDTHS)
        assert "\n" not in str(caught.value)


def test_not_a_number_at_init() -> None:
    def build(width: int) -> Subject:
        made = own(width)
        made.loss = lambda model, b: entropy(model, b) * float("nan")
        return made

    with pytest.raises(InputError, match="loss: not finite at init, at width 64"):
        check(build, WIDTHS)
