"""Emitted files are loaded by their stacks and trained: the losses of the plan applied by us."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import CheckReport, Plan, Subject, check
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.models.builder import build
from mutransfer_cli.plans.loading import plan_of
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.emit.test_conformance import LLAMA

transformers = pytest.importorskip("transformers")

STEPS, LENGTH = 50, 16
WIDTHS = (64, 128)
RECIPE = """
name: t
model: {build: 'hf:CONFIG'}
parameterization: PARAM
optimizer: {name: adamw, lr: 0.01, betas: [0.9, 0.95], eps: 1.0e-8, weight_decay: 0.1}
init: INIT
multipliers: {embedding: 4.0, logit: 3.0}
clip: CLIP
schedule: {name: linear, warmup: 0.1}
data: {source: stdlib, seq_len: 16}
base: {width: 64, depth: 2, batch: 4, steps: 50}
"""


def recipe(
    folder: Path, model: dict[str, Any], clip: str = "null", init: str = "{}", param: str = "mup"
) -> Path:
    config = folder / "model.json"
    config.write_text(json.dumps({**LLAMA, "hidden_size": 128, **model}))
    path = folder / "r.yaml"
    text = RECIPE.replace("CONFIG", str(config)).replace("CLIP", clip).replace("INIT", init)
    path.write_text(text.replace("PARAM", param))
    return path


def module_of(folder: Path, found: EmitResult, name: str) -> ModuleType:
    """The emitted Python file, imported as a user would."""
    found.write(folder / name)
    path = next((folder / name).glob("*.py")) if (folder / name).is_dir() else folder / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batches() -> list[Tensor]:
    stream = torch.Generator().manual_seed(5)
    return [torch.randint(0, 256, (4, LENGTH), generator=stream) // 4 for _ in range(4)]


def loss_of(model: nn.Module, x: Tensor) -> Tensor:
    logits = model(x)
    logits = logits if isinstance(logits, Tensor) else logits.logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), x[:, 1:].flatten())


def curve(model: nn.Module, optimizer: torch.optim.Optimizer, clip: float | None) -> list[float]:
    data, found = batches(), []
    model.double()
    for step in range(STEPS):
        loss = loss_of(model, data[step % 4])
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        found.append(loss.item())
    return found


def same(found: list[float], expected: list[float]) -> bool:
    """To rounding, which 50 steps on four batches amplify."""
    return found == pytest.approx(expected, rel=1e-8)


@pytest.fixture(autouse=True)
def norms_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers' norms round to float32 whatever the model is in; here they do not."""
    from transformers.models.granite.modeling_granite import GraniteRMSNorm
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    def forward(self: Any, x: Tensor) -> Tensor:
        scaled = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return scaled * self.weight

    for norm in (GraniteRMSNorm, LlamaRMSNorm):
        monkeypatch.setattr(norm, "forward", forward)


def by_us(path: Path, width: int, depth: int = 2) -> tuple[Plan, nn.Module]:
    """The plan of `--format json`, applied by the library."""
    plan = plan_of(scale(path, width=width, depth=depth).document)
    model = build(load(path).recipe, Size(width, depth, 4, STEPS)).model
    plan.initialize(model, 0)
    plan.install(model)
    return plan, model


MODELS = {
    "llama": {},
    "llama-tied": {"tie_word_embeddings": True},
    "granite": {"model_type": "granite", "attention_multiplier": 0.25},
    "granite-own": {
        "model_type": "granite", "attention_multiplier": 0.1, "embedding_multiplier": 3.0,
        "logits_scaling": 2.0, "residual_multiplier": 0.5, "tie_word_embeddings": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["llama", "llama-tied", "granite-own"])
def test_hf_trains_as_the_plan(tmp_path: Path, name: str, width: int) -> None:
    """The same init to the bit, the multipliers in the config or in the model, never in both."""
    path = recipe(tmp_path, MODELS[name], clip="1.0")
    found = scale(path, width=width, format="hf")
    assert found.document.deviations == ()
    file = module_of(tmp_path, found, "out")
    plan, ours = by_us(path, width)
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


@pytest.mark.parametrize("width", WIDTHS)
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
    path = recipe(tmp_path, MODELS[name], param=param)
    found = scale(path, width=width, depth=depth, format="hf-granite")
    assert found.document.deviations == ()
    file = module_of(tmp_path, found, "out")
    config = transformers.AutoConfig.from_pretrained(tmp_path / "out")
    assert type(config).__name__ == "GraniteConfig"
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(config)
    plan, ours = by_us(path, width, depth)
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


@pytest.mark.parametrize("format", ["hf", "hf-granite"])
def test_the_check_passes_emitted_files(tmp_path: Path, format: str) -> None:
    """Models and optimizers of the emitted files alone, at three widths; and what fails."""
    granite = {"model_type": "granite", "attention_multiplier": 0.25}
    path = recipe(tmp_path, granite if format == "hf-granite" else {})

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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("clip", ["null", "0.5"])
def test_lightning_trains_as_the_plan(tmp_path: Path, width: int, clip: str) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    path = recipe(tmp_path, {}, clip=clip)
    found = scale(path, width=width, format="lightning")
    file = module_of(tmp_path, found, "plan.py")
    losses: list[float] = []

    class Trained(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = build(load(path).recipe, Size(width, 2, 4, STEPS)).model

        def training_step(self, batch: Tensor, index: int) -> Tensor:
            loss = loss_of(self.model, batch)
            losses.append(float(loss.detach()))
            return loss

        def configure_optimizers(self) -> Any:
            return file.configure_optimizers(self)

    data = torch.utils.data.DataLoader(batches() * 13, batch_size=None)

    def trainer(clipping: float | None) -> Any:
        return lightning.Trainer(
            max_steps=STEPS, callbacks=[file.Mutransfer()], gradient_clip_val=clipping,
            accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip

    trainer(file.CLIP).fit(Trained(), data)
    plan, ours = by_us(path, width)
    optimizer = plan.optimizers(ours)[0]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, file.share)
    expected = []
    for step in range(STEPS):
        loss = loss_of(ours, batches()[step % 4])
        optimizer.zero_grad()
        loss.backward()
        if plan.clip is not None:
            torch.nn.utils.clip_grad_norm_(ours.parameters(), plan.clip)
        optimizer.step()
        scheduler.step()
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=3e-4)
    with pytest.raises(ValueError, match="gradient_clip_val"):
        trainer(7.0).fit(Trained(), data)


def test_trainer_takes_the_optimizer(tmp_path: Path) -> None:
    """Hugging Face's Trainer with the emitted arguments: each group's rate follows one schedule."""
    pytest.importorskip("accelerate")
    path = recipe(tmp_path, {"model_type": "granite", "attention_multiplier": 0.25})
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
