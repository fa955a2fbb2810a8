"""Format hf-granite: loaded by transformers, it trains as the plan, in Trainer too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mutransfer_cli import Plan
from mutransfer_cli.emit.scale import scale
from tests.helpers.emitted_training import (
    MODELS,
    STEPS,
    WIDTHS,
    applied_plan,
    batches,
    curve,
    module_of,
    same,
    training_recipe,
)

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("norms_in_double")


@pytest.mark.parametrize("width", [pytest.param(WIDTHS[0], marks=pytest.mark.slow), *WIDTHS[1:]])
@pytest.mark.parametrize(
    ("name", "param", "depth"),
    [
        ("llama", "mup", 2), ("llama-tied", "mup", 2),
        ("granite-own", "mup", 2), ("llama", "completep", 4), ("granite-own", "completep", 4),
    ],
)  # fmt: skip
def test_granite_trains_as_the_plan(
    tmp_path: Path, name: str, param: str, depth: int, width: int
) -> None:
    """The config as transformers loads it, and the optimizer; ours gets the init untraded."""
    path = training_recipe(tmp_path, MODELS[name], param=param)
    found = scale(path, width=width, depth=depth, format="hf-granite")
    assert found.document.deviations == ()
    file = module_of(tmp_path, found, "out")
    config = transformers.AutoConfig.from_pretrained(tmp_path / "out")
    assert type(config).__name__ == "GraniteConfig"
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(config)
    plan, ours = applied_plan(path, width, depth)
    ours.double()
    traded = dict(theirs.double().named_parameters())
    with torch.no_grad():
        for name_, p in ours.named_parameters():
            wanted, q = plan.tensor(name_).init_std, traded[name_]
            t = traded_by(name_, config, plan, MODELS[name])
            p.copy_(q * t)
            if wanted:  # what Granite's own init made is what was planned
                assert float(p.std()) == pytest.approx(wanted, rel=0.1)
    expected = curve(ours, plan.optimizers(ours)[0], None)
    assert same(curve(theirs, file.create_optimizer(theirs), None), expected)
    assert expected[-1] < 0.8 * expected[0]
    twice = transformers.AutoModelForCausalLM.from_config(config)
    twice.load_state_dict(theirs.state_dict())
    groups = file.param_groups(twice)
    m = width / 64
    if m > 1:  # control: hidden rates divided once more
        for group in groups:
            group["lr"] /= m
        assert not same(curve(twice, torch.optim.AdamW(groups), None), expected)


def traded_by(name: str, config: Any, plan: Plan, own: dict[str, Any]) -> float:
    """How much larger than planned a tensor's multiplier is in the emitted config, by hand."""

    def planned(key: str, default: float) -> float:
        value = plan.forward[key]
        return default if value is None else value

    if "embed_tokens" in name:
        return config.embedding_multiplier / planned("embedding_scale", 1.0)
    if "lm_head" in name:
        beside = own.get("logits_scaling", 1.0)
        return 1 / config.logits_scaling / (planned("logit_scale", 1.0) / beside)
    if "o_proj" in name or "down_proj" in name:
        default = own.get("residual_multiplier", 1.0)
        return config.residual_multiplier / planned("residual_scale", default)
    return 1.0


def test_trainer_takes_the_optimizer(tmp_path: Path) -> None:
    """Hugging Face's Trainer with the emitted arguments: each group's rate follows one schedule."""
    pytest.importorskip("accelerate")
    path = training_recipe(tmp_path, {"model_type": "granite", "attention_multiplier": 0.25})
    found = scale(path, width=128, format="hf-granite")
    file = module_of(tmp_path, found, "out")
    torch.manual_seed(0)
    model = file.build()
    start = {n: p.detach().clone() for n, p in model.named_parameters()}
    data = [{"input_ids": x[0], "labels": x[0]} for x in batches() * 50]
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path / "runs"), report_to=[], use_cpu=True, save_strategy="no",
        logging_steps=1, disable_tqdm=True, seed=3, **file.TRAINING_ARGUMENTS,
    )  # fmt: skip
    trainer = file.mutransfer_trainer()(model=model, args=args, train_dataset=data)
    trainer.train()
    peaks = sorted({g["initial_lr"] for g in trainer.optimizer.param_groups})
    assert peaks == pytest.approx(sorted({o["lr"] for _, o in file.GROUPS}))
    rates = {g["lr"] / g["initial_lr"] for g in trainer.optimizer.param_groups}
    assert max(rates) == pytest.approx(min(rates), abs=1e-9)
    assert trainer.state.global_step == STEPS
    assert any(not torch.equal(start[n], p) for n, p in model.named_parameters())
