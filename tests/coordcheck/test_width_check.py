"""Correct parameterizations pass; a planted error is found, and the right tensor is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from mutransfer_cli import CheckReport, InputError, Subject, check
from mutransfer_cli.coordcheck.report.github import workflow_lines
from mutransfer_cli.coordcheck.report.junit import write_junit
from mutransfer_cli.report.coordcheck_plot import plot
from tests.helpers.check_subjects import BIAS, subject

WIDTHS = [64, 128, 256]
HIDDEN = {"second.weight", "third.weight"}


def wrong(report: CheckReport) -> dict[str, str | None]:
    return {t.name: t.finding for t in report.tensors if t.verdict == "fail"}


@pytest.mark.parametrize("model", ["mlp", "gpt"])
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_correct_models_pass(model: str, kind: str) -> None:
    report = check(subject(model, kind), WIDTHS)
    assert report.passed, (report.document.reason, wrong(report))
    assert report.document.control.verdict == "fail"
    if kind == "adam":
        assert report.document.regime == "feature-learning"


def test_hidden_rate_not_scaled() -> None:
    """The commonest error: the whole class of hidden matrices keeps the base's rate."""
    report = check(subject(lr=lambda n, m: m if n in HIDDEN else 1), WIDTHS)
    assert report.verdict == "fail"
    assert wrong(report) == dict.fromkeys(HIDDEN, "lr-too-large")
    told = next(t.message for t in report.tensors if t.name == "second.weight")
    assert told is not None and "4 times too large at 4 times the width" in told


@pytest.mark.parametrize(
    ("model", "name", "power", "finding"),
    [
        ("mlp", "third.weight", 1.0, "lr-too-large"),
        ("mlp", "first.weight", -1.0, "lr-too-small"),
        ("mlp", "second.bias", -1.0, "lr-too-small"),
        ("gpt", "token.weight", -1.0, "lr-too-small"),
        ("gpt", "blocks.1.norm2.weight", -1.0, "lr-too-small"),
        ("gpt", "blocks.0.down.weight", 0.5, "lr-too-large"),
        ("gpt", "blocks.1.qkv.weight", 1.0, "lr-too-large"),
    ],
)
def test_a_single_wrong_rate_is_named_alone(
    model: str, name: str, power: float, finding: str
) -> None:
    report = check(subject(model, lr=lambda n, m: m**power if n == name else 1), WIDTHS)
    assert wrong(report) == {name: finding}


def test_missing_readout_multiplier() -> None:
    for model in ("mlp", "gpt"):
        report = check(subject(model, scale=lambda m: 1.0), WIDTHS)
        assert wrong(report) == {"readout.linear.weight": "multiplier-missing"}


def test_wrong_init_is_told_from_a_wrong_rate() -> None:
    report = check(subject(std=lambda n, m: m**0.5 if n == "second.weight" else 1), WIDTHS)
    assert wrong(report) == {"second.weight": "init-too-large"}


def test_small_readout_is_a_warning() -> None:
    small = subject(std=lambda n, m: m**-0.5 if "readout" in n else 1)
    report = check(small, WIDTHS)
    (readout,) = [t for t in report.tensors if t.name == "readout.linear.weight"]
    assert (readout.verdict, report.verdict) == ("warn", "pass")
    assert check(small, WIDTHS, strict=True).verdict == "fail"


def test_zero_readout_passes() -> None:
    report = check(subject(std=lambda n, m: 0.0 if "readout" in n else 1), WIDTHS)
    assert report.verdict == "pass", report.document.reason


def test_decay_before_the_first_gradient_is_no_update() -> None:
    """Behind a zero readout the first step moves the other tensors by decay alone."""
    report = check(
        subject(
            lr=lambda n, m: m if n == "third.weight" else 1,
            std=lambda n, m: 0.0 if "readout" in n else 1,
            decay=lambda m: 1.0,
        ),
        WIDTHS,
    )
    assert wrong(report) == {"third.weight": "lr-too-large"}


def test_decay_that_changes_with_width_is_a_warning() -> None:
    right = check(subject(decay=lambda m: 1.0), WIDTHS)
    assert all(t.verdict == "pass" for t in right.tensors)
    fading = check(subject(decay=lambda m: 1 / m), WIDTHS)
    assert {t.finding for t in fading.tensors if t.verdict == "warn"} == {"weight-decay"}
    assert fading.verdict == "pass"


def test_a_tensor_outside_the_optimizer_is_not_passed() -> None:
    report = check(subject(frozen="second.weight"), WIDTHS)
    assert wrong(report) == {"second.weight": "not-trained"}


def test_sp_fails_as_mup_and_passes_as_sp() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        for layer in (made.model.second, made.model.third, made.model.readout.linear):  # type: ignore[union-attr]
            nn.init.normal_(layer.weight, 0, width**-0.5)
        made.model.readout.scale = 1.0  # type: ignore[union-attr]
        made.optimizer = torch.optim.AdamW(made.model.parameters(), lr=1e-3, weight_decay=0)
        return made

    assert check(build, WIDTHS, expect="sp").passed
    report = check(build, WIDTHS)
    assert set(wrong(report)) == {*HIDDEN, "readout.linear.weight"}
    assert report.document.regime == "unstable"


def test_too_few_widths_are_inconclusive() -> None:
    assert check(subject(), [64, 256]).verdict == "inconclusive"
    assert check(subject(), [64, 80, 96]).verdict == "inconclusive"


@pytest.mark.parametrize("written", [False, True])
def test_attention_scale_of_a_growing_head(written: bool) -> None:
    class Attend(nn.Module):
        def __init__(self, width: int, power: float) -> None:
            super().__init__()
            self.first, self.q = nn.Linear(16, width), nn.Linear(width, width, bias=False)
            self.readout = nn.Linear(width, 4, bias=False)
            self.scale = width**power

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.first(x)[None, None]
            q = self.q(h)
            if written:
                y = ((q @ h.mT * self.scale).softmax(-1) @ h)[0, 0]
            else:
                y = nn.functional.scaled_dot_product_attention(q, h, h, scale=self.scale)[0, 0]
            out: torch.Tensor = self.readout(y / y.shape[-1])
            return out

    def build(width: int, seed: int, power: float) -> Subject:
        model = Attend(width, power)
        plain = subject()(width, seed)
        groups = [
            {"params": [p], "lr": 1e-3 * 64 / width if n == "q.weight" else 1e-3}
            for n, p in model.named_parameters()
        ]
        return Subject(model, torch.optim.AdamW(groups), plain.loss, plain.batch)

    report = check(lambda width, seed: build(width, seed, -0.5), WIDTHS)
    assert report.verdict == "fail"
    (fault,) = report.document.faults
    assert fault.finding == "attention-scale"
    # 64^-1/2 at the smallest width, where the head is 64: 8/64
    assert fault.fix is not None and "8/head_size" in fault.fix
    right = check(lambda width, seed: build(width, seed, -1.0), WIDTHS)
    assert not right.document.faults


def test_the_bias_of_keys_is_not_judged() -> None:
    """It moves every score of a query alike, which a softmax ignores: its gradient is rounding.

    The bias of values beside it is judged: with a wrong rate it fails.
    """

    class Attend(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.readout = nn.Linear(16, width), nn.Linear(width, 4, bias=False)
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = nn.functional.layer_norm(self.first(x), (self.q.in_features,))[None]
            q, k, v = (
                f(h).unflatten(-1, (-1, 16)).transpose(1, 2) for f in (self.q, self.k, self.v)
            )
            y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            out: torch.Tensor = self.readout(y[0] * 64 / y.shape[-1])
            return out

    def build(width: int, seed: int, power: float = 0.0) -> Subject:
        torch.manual_seed(seed)
        model, plain, m = Attend(width), subject()(width, seed), width / 64
        nn.init.normal_(model.first.weight, std=0.25)
        nn.init.normal_(model.readout.weight, std=0.125)
        hidden = {f"{n}.weight" for n in "qkv"}
        rates = {n: m**-1 if n in hidden else 1.0 for n, _ in model.named_parameters()}
        rates["k.bias"], rates["v.bias"] = m, m**power
        groups = [{"params": [p], "lr": 1e-3 * rates[n]} for n, p in model.named_parameters()]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), plain.loss, plain.batch)

    assert wrong(check(build, WIDTHS)) == {}
    assert wrong(check(lambda width, seed: build(width, seed, 1.0), WIDTHS)) == {
        "v.bias": "lr-too-large"
    }


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_the_bias_of_a_scaled_readout_is_judged_by_itself(kind: str) -> None:
    """What the readout gets is divided by m; the update of its bias is not."""
    found = wrong(check(subject("mlp", kind, lr=lambda n, m: 1 / m if n == BIAS else 1), WIDTHS))
    assert found == {BIAS: "lr-too-small"}


def test_reports_for_ci(tmp_path: Path) -> None:
    report = check(subject(lr=lambda n, m: m if n == "second.weight" else 1), WIDTHS)
    values = json.loads(report.to_json())
    assert next(iter(values)) == "schema" and values["verdict"] == "fail"
    write_junit(report.document, tmp_path / "j.xml")
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert suite.get("failures") == "1"
    (failure,) = suite.iter("failure")
    assert "second.weight" in (failure.get("message") or "")
    lines = workflow_lines(report.document)
    assert lines[0].startswith("::error title=mutransfer check::`second.weight`")
    plot(report.document, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.raises(InputError, match="gives no loss and batch"):
        check(lambda width: nn.Linear(width, 2), WIDTHS)
    with pytest.raises(InputError, match="takes no argument `width`"):
        check(lambda size: nn.Linear(size, 2), WIDTHS)
    with pytest.raises(InputError, match="unknown option 'sedes'"):
        check(subject(), WIDTHS, sedes=3)


def test_a_model_that_views_its_targets() -> None:
    """As nanoGPT's does, which asks for contiguous tensors."""

    def build(width: int, seed: int) -> Subject:
        made = subject("gpt")(width, seed)

        def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            logits = model(batch[0])
            return nn.functional.cross_entropy(logits.view(-1, 32), batch[1].view(-1))

        return Subject(made.model, made.optimizer, loss, made.batch)

    assert check(build, WIDTHS).passed


def test_rates_that_only_a_training_loop_would_scale() -> None:
    """nanoGPT-mup's groups carry `lr_scale`; torch's AdamW has never heard of it."""

    def build(width: int, seed: int, applied: bool = False) -> Subject:
        made = subject()(width, seed)
        assert made.optimizer is not None
        for group in made.optimizer.param_groups:
            group["lr_scale"] = group["lr"] / 1e-3
            group["lr"] = group["lr"] if applied else 1e-3
        return made

    report = check(build, WIDTHS)
    assert wrong(report) == dict.fromkeys(HIDDEN, "lr-too-large")
    assert any("`lr_scale`" in note for note in report.document.notes)
    assert check(lambda width, seed: build(width, seed, True), WIDTHS).document.notes == ()


def test_a_loss_that_raises_names_its_line() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        made.loss = lambda model, batch: model(batch[0]).view(3, 7)
        return made

    with pytest.raises(
        InputError, match=r"loss at width 64: .*test_width_check\.py:\d+: RuntimeError"
    ):
        check(build, WIDTHS)


class Signs:
    """An optimizer that is none of torch's: signs of a running mean of gradients."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.param_groups = groups
        self.means: dict[nn.Parameter, torch.Tensor] = {}

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                mean = self.means.setdefault(p, torch.zeros_like(p))
                mean.mul_(0.9).add_(p.grad, alpha=0.1)
                p.sub_(mean.sign(), alpha=group["lr"])


def orthogonal_(group: dict[str, Any]) -> None:
    for p in group["params"]:
        u, _, v = torch.linalg.svd(p.grad, full_matrices=False)
        p.data.sub_(u @ v, alpha=group["lr"])


class Orthogonal(Signs):
    """Muon's geometry for the hidden matrices, without a momentum."""

    @torch.no_grad()
    def step(self) -> None:
        orthogonal_(self.param_groups[0])
        rest = Signs(self.param_groups[1:])
        rest.means = self.means
        rest.step()


@pytest.mark.parametrize("kind", ["signs", "list", "orthogonal"])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_any_optimizer(kind: str, power: float) -> None:
    """Hidden rates: sign updates 1/m, SGD 1, orthogonal updates 1 (square matrices); times m^power.

    Each kind is told by trying; a wrong power fails on the hidden matrices alone.
    """

    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        m = width / 64
        named = dict(made.model.named_parameters())
        hidden = [named[n] for n in sorted(HIDDEN)]
        rest = [p for n, p in named.items() if n not in HIDDEN]
        rate = 1e-3 * m**power / (m if kind == "signs" else 1)
        groups = [{"params": hidden, "lr": rate}, {"params": rest, "lr": 1e-3}]
        optimizer: Any
        if kind == "list":
            optimizer = [torch.optim.SGD([{**groups[0], "lr": 100 * rate}]), Signs(groups[1:])]
        else:
            optimizer = Signs(groups) if kind == "signs" else Orthogonal(groups)
        return Subject(made.model, optimizer, made.loss, made.batch)

    report = check(build, WIDTHS)
    assert wrong(report) == (dict.fromkeys(HIDDEN, "lr-too-large") if power else {})
    assert report.passed == (not power)


def test_what_cannot_step_is_no_optimizer() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        return Subject(made.model, {"lr": 1e-3}, made.loss, made.batch)

    with pytest.raises(InputError, match="param_groups and step"):
        check(build, WIDTHS)


def test_two_recurrent_layers() -> None:
    """What the upper layer's states are made of shrinks with its biases, as torch draws them."""

    class Reader(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.token = nn.Embedding(50, width)
            self.states = nn.LSTM(width, width, num_layers=2, batch_first=True)
            self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, 50, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.readout(self.norm(self.states(self.token(x))[0]))
            return out

    def build(width: int) -> Subject:
        def loss(model: nn.Module, b: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(model(b[0]).flatten(0, 1), b[1].flatten())

        def batch(seed: int) -> Any:
            x = torch.randint(0, 50, (4, 17), generator=torch.Generator().manual_seed(seed))
            return x[:, :-1], x[:, 1:]

        return Subject(Reader(width), None, loss, batch)

    report = check(build, WIDTHS)
    assert report.passed, wrong(report)


def test_a_shared_embedding_whose_own_module_is_never_called() -> None:
    """As BART keeps it: encoder and decoder look up in modules of their own; logits over m."""

    class Shared(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Module()
            self.inner.shared, self.inner.used = nn.Embedding(50, width), nn.Embedding(50, width)
            self.inner.used.weight = self.inner.shared.weight
            nn.init.normal_(self.inner.shared.weight)
            self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
            self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, 50, bias=False)
            self.readout.weight = self.inner.shared.weight
            self.m = width / 64

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.relu(self.first(self.inner.used(x)))
            out: torch.Tensor = self.readout(self.norm(self.second(h)) / self.m)
            return out

    def build(width: int) -> Subject:
        model = Shared(width)
        groups = [
            {"params": [p], "lr": 1e-3 / model.m if p.dim() == 2 and p.shape[0] != 50 else 1e-3}
            for p in model.parameters()
        ]

        def batch(seed: int) -> Any:
            x = torch.randint(0, 50, (4, 9), generator=torch.Generator().manual_seed(seed))
            return x[:, :-1], x[:, 1:]

        def loss(model: nn.Module, b: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(model(b[0]).flatten(0, 1), b[1].flatten())

        return Subject(model, torch.optim.Adam(groups), loss, batch)

    report = check(build, WIDTHS)
    assert report.passed, wrong(report)
