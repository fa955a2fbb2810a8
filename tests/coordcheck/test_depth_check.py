"""A residual network at L = 2 to 16: what stays constant under completep, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.coordcheck.depth_check import run_depth_check
from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.coordcheck.measure.depth_training import ATTENTION, CHANGE, STREAM
from mutransfer_cli.coordcheck.recipe_check import check_recipe_depth
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.depth_expectation import (
    DepthExpectation,
    maximal_update_expectation,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.optimizers.geometry import GRADIENT
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.tracing.blocks import Blocks
from tests.helpers.changed_rates import multiply_learning_rates
from tests.helpers.proxies import proxy

# A stem well above the branches, so that the stream's size is the stem's at every depth: with a
# stem s and L branches of size 1/m_L the stream is √(s² + 2·L/m_L²), which falls from √(s² + 4)
# to √(s² + 1/4) between 2 and 32: by 0.08 a doubling for s = 2 (by √2: tokens and positions)
TEXT = """
name: deep
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
parameterization: completep
rules: {depth_alpha: 1.0}
init: {embedding_std: 2.0, residual: none}
optimizer: {name: adamw, lr: 0.0002, betas: [0.9, 0.95], eps: 1.0e-12, weight_decay: 0.0}
data: {source: stdlib, seq_len: 32}
base: {width: 64, depth: 2, batch: 16, steps: 100}
ladder: {width: [32, 64]}
lr_factors: {embedding: 0.01}
"""
DEPTHS = (2, 4, 8, 16)


def checked(
    text: str, faster: float = 0.0, alpha: float = 1.0
) -> tuple[CheckReport, dict[str, float]]:
    """faster: the rates in the blocks are multiplied by m_L to this power."""
    recipe = loads(text).recipe
    blocks = Blocks({"blocks": 2})

    def make(depth: int, seed: int) -> Subject:
        subject = proxy(recipe, Size(64, depth, 16, 100), seed)
        assert subject.optimizer is not None
        inside = [n for n, _ in subject.model.named_parameters() if blocks.position(n)]
        multiply_learning_rates(
            subject.model, subject.optimizer, dict.fromkeys(inside, (depth / 2) ** faster)
        )
        return subject

    report = run_depth_check(
        make,
        blocks,
        DEPTHS,
        parameterization="completep",
        expected=DepthExpectation(alpha),
        seeds=2,
    )
    slopes = {}
    for m in report.document.modules:
        slope = m.init_slope or m.change_slope
        assert slope is not None
        slopes[m.name] = slope.value
    return report, slopes


def test_completep_keeps_everything() -> None:
    report, slopes = checked(TEXT)
    assert report.passed, report.document.reason
    assert slopes == pytest.approx({STREAM: 0, CHANGE: 0, ATTENTION: 0}, abs=0.1)
    assert report.document.regime == "feature-learning"


def test_without_a_branch_multiplier() -> None:
    # L branches add up: incoherent at init (+1/2 without a stem), coherent in the change (+1)
    report, slopes = checked(TEXT.replace("completep", "mup").replace("_std: 2.0", "_std: 0.1"))
    assert report.verdict == "fail" and "residual-scale" in report.document.reason
    assert slopes[STREAM] == pytest.approx(0.5, abs=0.1)
    assert slopes[CHANGE] > 0.5
    bad = {t.name for t in report.tensors if t.finding == "lr-too-large"}
    assert {"blocks.*.mlp.up.weight", "blocks.*.attention.qkv.weight"} <= bad
    assert "readout.weight" not in bad and "token.weight" not in bad


def test_half_the_exponent_makes_lazy_blocks() -> None:
    # alpha 1/2 and rates by m_L^-1/2: what each block learns by itself goes as L^-1/2
    half = TEXT.replace("depth_alpha: 1.0", "depth_alpha: 0.5")
    report, slopes = checked(half)
    assert slopes == pytest.approx({STREAM: 0, CHANGE: 0, ATTENTION: -0.5}, abs=0.1)
    assert report.verdict == "fail" and "lazy" in report.document.reason
    as_designed, _ = checked(half, alpha=0.5)
    assert as_designed.passed and as_designed.document.regime == "lazy"


def test_half_the_exponent_with_unscaled_rates() -> None:
    report, slopes = checked(TEXT.replace("depth_alpha: 1.0", "depth_alpha: 0.5"), faster=0.5)
    assert slopes[STREAM] == pytest.approx(0, abs=0.1)
    assert slopes[CHANGE] == pytest.approx(0.5, abs=0.15)
    assert report.verdict == "fail"
    assert {t.finding for t in report.tensors if t.name.startswith("blocks")} == {"lr-too-large"}
    assert all("m^0.5" in (t.fix or "") for t in report.tensors if t.name.startswith("blocks"))


def test_a_smaller_init_alone_looks_right_and_is_not() -> None:
    # outputs of branches divided by √(2L) at init: the stream is constant, its change is not
    report, slopes = checked(
        TEXT.replace("completep", "mup").replace("residual: none", "residual: gpt2")
    )
    assert slopes[STREAM] == pytest.approx(0, abs=0.1)
    assert slopes[CHANGE] > 0.4
    assert report.verdict == "fail"


def test_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(TEXT)
    report = check_target(str(path), axis="depth", depths=(2, 4, 8), seeds=2)
    assert report.passed and report.document.axis == "depth" and report.document.sizes == (2, 4, 8)
    with pytest.raises(InputError, match="at least three"):
        check_target(str(path), axis="depth", depths=(2, 4))
    with pytest.raises(InputError, match="needs a recipe"):
        check_target("my.model:build", axis="depth")


def of_stack(kind: str, text: str, seeds: int = 2) -> CheckReport:
    recipe = loads(STACK.replace("KIND", kind) + text).recipe
    return check_recipe_depth(recipe, DEPTHS, seeds=seeds, steps=3, first_seed=0)


STACK = """
name: stack
model: {build: "tests.helpers.deep_stacks:KIND"}
init: {from: model}
data: {source: teacher, d_in: 16, d_out: 10}
base: {width: 32, depth: 2, batch: 16, steps: 100}
ladder: {width: [32, 64]}
"""
ADAM = "optimizer: {name: adamw, lr: 0.0001, eps: 1.0e-12, weight_decay: 0.0}\n"
SGD = "optimizer: {name: sgd, lr: 0.001}\n"
COMPLETEP, MAXIMAL = "parameterization: completep\n", "rules: {depth: maximal-update}\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["post_norm", "parallel"])
def test_other_residual_stacks(kind: str) -> None:
    report = of_stack(kind, ADAM + COMPLETEP)
    assert report.passed, report.document.reason
    without = of_stack(kind, ADAM)
    assert without.verdict == "fail" and "residual-scale" in without.document.reason
    bad = {t.name for t in without.tensors if t.finding == "lr-too-large"}
    assert any(name.endswith("down.weight") for name in bad)
    assert not {"stem.weight", "readout.weight"} & bad


@pytest.mark.slow
def test_a_looped_stack() -> None:
    # arXiv 2606.18524, abstract: branches 1/N; 1/√N is not enough, since they add up coherently
    report = of_stack("looped", ADAM + COMPLETEP)
    assert report.passed, report.document.reason
    for rule in ("", COMPLETEP + "rules: {depth_alpha: 0.5}\n"):
        without = of_stack("looped", ADAM + rule)
        assert without.verdict == "fail"
        assert "residual-scale: the residual stream grows" in without.document.reason


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [SGD, ADAM])
def test_maximal_updates_of_a_convolutional_stack(optimizer: str) -> None:
    report = of_stack("plain_convnet", optimizer + MAXIMAL, 4)
    assert report.passed, report.document.reason
    without = of_stack("plain_convnet", optimizer, 4)
    assert without.verdict == "fail"
    assert "blocks.*.weight" in {t.name for t in without.tensors if t.finding == "lr-too-large"}


def test_a_rate_that_leaves_out_maximal_updates() -> None:
    recipe = loads(STACK.replace("KIND", "plain_convnet") + SGD + MAXIMAL).recipe
    factory = ProxyFactory(recipe)
    constant = ProxyFactory(loads(STACK.replace("KIND", "plain_convnet") + SGD).recipe)

    def make(depth: int, seed: int) -> Subject:
        size = Size(32, depth, 16, 100)
        subject = factory.build_with_optimizer(size, seed, constant.plan(size))
        return subject

    report = run_depth_check(
        make, Blocks({"blocks": 2}), (2, 4, 8), parameterization="mup", seeds=1,
        expected=maximal_update_expectation(GRADIENT),
    )  # fmt: skip
    # every rate is m^1.5 too large, exactly
    assert report.verdict == "fail"
    assert {t.finding for t in report.tensors} == {"lr-too-large"}
    assert all("divide it by m^1.5" in (t.fix or "") for t in report.tensors)
