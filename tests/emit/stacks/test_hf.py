"""Format hf: loaded by transformers, it trains as the plan; the check passes it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mutransfer_cli import CheckReport, Subject, check
from mutransfer_cli.emit.scale import scale
from tests.helpers.emitted_training import (
    MODELS,
    WIDTHS,
    applied_plan,
    batches,
    curve,
    loss_of,
    module_of,
    same,
    training_recipe,
)

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("norms_in_double")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["llama", "llama-tied", "granite-own"])
def test_hf_trains_as_the_plan(tmp_path: Path, name: str, width: int) -> None:
    """The same init to the bit, the multipliers in the config or in the model, never in both."""
    path = training_recipe(tmp_path, MODELS[name], clip="1.0")
    found = scale(path, width=width, format="hf")
    assert found.document.deviations == ()
    file = module_of(tmp_path, found, "out")
    plan, ours = applied_plan(path, width)
    theirs = file.build(seed=0)
    expected = curve(ours, plan.optimizers(ours)[0], plan.clip)
    assert file.TRAINING_ARGUMENTS["max_grad_norm"] == 1.0
    assert same(curve(theirs, file.create_optimizer(theirs), 1.0), expected)
    assert expected[-1] < 0.8 * expected[0]
    # control: multipliers put in once more
    again = file.build(seed=0)
    again.lm_head.register_forward_pre_hook(
        lambda _, args: (args[0] * plan.forward["logit_scale"],)
    )
    assert not same(curve(again, file.create_optimizer(again), 1.0), expected)


@pytest.mark.parametrize("format", ["hf", pytest.param("hf-granite", marks=pytest.mark.slow)])
def test_the_check_passes_emitted_files(tmp_path: Path, format: str) -> None:
    """Models and optimizers of the emitted files alone, at three widths; and what fails."""
    granite = {"model_type": "granite", "attention_multiplier": 0.25}
    path = training_recipe(tmp_path, granite if format == "hf-granite" else {})

    def subject(width: int, seed: int, wrong: bool = False) -> Subject:
        file = module_of(tmp_path, scale(path, width=width, format=format), f"out{width}")
        torch.manual_seed(seed)
        model = file.build(seed) if format == "hf" else file.build()
        optimizer = file.create_optimizer(model)
        if wrong:  # every rate that of the base
            for group in optimizer.param_groups:
                group["lr"] = 0.01
        return Subject(model, optimizer, loss_of, lambda s: batches()[s % 4])

    def misled(width: int, seed: int) -> Subject:
        return subject(width, seed, wrong=True)

    def failed(report: CheckReport) -> set[str]:
        return {t.name for t in report.tensors if t.verdict == "fail"}

    report = check(subject, widths=(64, 128, 256), expect="mup")
    assert report.passed, report.document.reason
    wrong = failed(check(misled, widths=(64, 128, 256), expect="mup"))
    assert any("mlp" in name for name in wrong)
