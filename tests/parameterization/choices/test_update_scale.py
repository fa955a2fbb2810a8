"""Plans under every convention: the update is the same one, whatever the rate is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers.shape_factors import lr_adjustment
from mutransfer_cli.parameterization.choices.update_scale import needs, update_scale_choice
from mutransfer_cli.plans.loading import load_plan
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size

RECIPE = """
name: t
model: {{build: gpt, args: {{vocab_size: 256, head_dim: 8}}}}
data: {{source: stdlib, seq_len: 16}}
optimizer: {{name: muon, lr: 0.02, {0}adamw_lr: 0.01, weight_decay: 0.1}}
base: {{width: 16, depth: 1, batch: 4, steps: 15}}
"""


def plan(convention: str = "", width: int = 64) -> Plan:
    adjust = f"adjust_lr: {convention}, " if convention else ""
    return ProxyFactory(loads(RECIPE.format(adjust)).recipe).plan(Size(width, 1, 4, 15))


@pytest.mark.parametrize("name", LR_ADJUSTMENTS.names)
def test_the_update_is_that_of_the_base_times_the_spectral_condition(name: str) -> None:
    """By hand: rate × factor is 0.02 × factor at the base, for matrices that keep their ratio."""
    factor = lr_adjustment(name)
    for tensor in plan(name).tensors:
        if tensor.role == "hidden":
            assert tensor.lr * factor(tensor.shape) == pytest.approx(
                0.02 * factor(tensor.base_shape)
            )
            assert tensor.lr * tensor.weight_decay == pytest.approx(0.02 * 0.1)
        else:
            assert tensor.lr == pytest.approx(0.01)


def test_by_hand() -> None:
    """Four times the width: √max(out, in) doubles, √max(1, out/in) stays."""
    hidden = {t.name: t.lr for t in plan("moonlight").tensors if t.role == "hidden"}
    assert set(hidden.values()) == {0.01}
    assert {t.lr for t in plan().tensors if t.role == "hidden"} == {0.02}


def test_the_plan_says_what_the_convention_does() -> None:
    why = plan("moonlight").tensor("blocks.0.mlp.up.weight").why
    assert "adjust_lr moonlight" in why and "rate × 0.5" in why
    assert "adjust_lr" not in plan("moonlight").tensor("token.weight").why
    choice = update_scale_choice(plan("spectral"))
    assert choice is not None and "needs a rate ∝ width^-0.5" in choice.taken
    assert "transfers over width as it is: spectral_unclamped, unit_rms_norm, dion" in choice.others
    assert needs(lr_adjustment("dion")) == "transfers over width as it is"


def test_a_saved_plan_keeps_its_convention(tmp_path: Path) -> None:
    made = plan("spectral, adjust_lr_factor: 0.5")
    made.save(tmp_path / "plan.json")
    loaded = load_plan(tmp_path / "plan.json")
    assert (loaded.adjust_lr, loaded.adjust_lr_factor) == ("spectral", 0.5)
    assert loaded == made
    assert plan().adjust_lr == "original"


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("{name: adamw, adjust_lr: original}", "adjust_lr belongs to muon"),
        ("{name: muon, adjust_lr_factor: 2}", "adjust_lr_factor belongs to adjust_lr: spectral"),
        ("{name: muon, adjust_lr: moonlight, adjust_lr_factor: 2}", "adjust_lr_factor belongs to"),
        ("{name: muon, adjust_lr: rms}", "expected original"),
    ],
)
def test_what_does_not_fit_is_refused(optimizer: str, message: str) -> None:
    text = RECIPE.format("").replace(
        "{name: muon, lr: 0.02, adamw_lr: 0.01, weight_decay: 0.1}", optimizer
    )
    with pytest.raises(InputError, match=message):
        loads(text)
