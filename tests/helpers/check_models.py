"""Correct models of many kinds, for the rate of false alarms: recipes, and code of other hands."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from mutransfer_cli import Subject, plan
from mutransfer_cli.plans.plan import Plan

LADDER = "base: {width: 64, depth: 2, batch: 8, steps: 30}\nladder: {width: [64, 128]}\n"
TEXT = "data: {source: stdlib, seq_len: 32}\n" + LADDER
DIGITS = "data: {source: digits}\n" + LADDER
TEACHER = "data: {source: teacher, d_in: 32, d_out: 10}\n" + LADDER
GPT = "model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}\n" + TEXT
MLP = "model: {build: mlp}\n" + TEACHER
VIT = "{head_dim: 16, image_size: 8, patch_size: 2, num_channels: 1}"


def adam(name: str = "adam", decay: float = 0.0, lr: float = 0.003) -> str:
    return f"optimizer: {{name: {name}, lr: {lr}, weight_decay: {decay}}}\n"


def hugging(kind: str, args: str = "{head_dim: 16}") -> str:
    data = DIGITS if kind == "vit" else TEXT
    return f"model: {{build: 'hf:{kind}', args: {args}}}\n" + data + adam()


RECIPES: dict[str, str] = {
    "mlp adam": MLP + adam(),
    "mlp adamw, decay": MLP + adam("adamw", 0.1),
    "mlp sgd": MLP + "optimizer: {name: sgd, lr: 0.05}\n",
    "mlp sgd, Nesterov": MLP + "optimizer: {name: sgd, lr: 0.05, momentum: 0.9, nesterov: true}\n",
    "mlp tanh": MLP.replace("build: mlp", "build: mlp, args: {activation: tanh}") + adam(),
    "mlp absorbed": MLP + adam() + "rules: {readout: absorbed}\n",
    "mlp zero readout": MLP + adam() + "init: {zero: ['readout.*']}\n",
    "mlp adafactor": MLP + adam("adafactor"),
    "gpt adam": GPT + adam(),
    "gpt adamw, decay": GPT + adam("adamw", 0.1),
    "gpt sgd": GPT + "optimizer: {name: sgd, lr: 0.1}\n",
    "gpt muon": GPT + adam("muon", 0.1, 0.01),
    "gpt tied": GPT.replace("head_dim: 16}", "head_dim: 16, tied: true}") + adam(),
    "gpt biases": GPT.replace("head_dim: 16}", "head_dim: 16, bias: true}") + adam(),
    "gpt growing heads": GPT.replace("head_dim: 16", "n_head: 4") + adam(),
    "gpt absorbed": GPT + adam() + "rules: {readout: absorbed}\n",
    "gpt zero readout and branches": GPT + adam() + "init: {zero: ['readout.*', '*.down.*']}\n",
    "gpt completep": GPT + adam() + "parameterization: completep\n",
    "gpt umup": GPT + adam(lr=0.3) + "parameterization: umup\n",
    "gpt sp": GPT + adam() + "parameterization: sp\n",
    "gpt ntk": GPT + adam() + "parameterization: ntk\n",
    "gpt mean-field": GPT + adam() + "parameterization: mean-field\n",
    "mlp sp": MLP + adam() + "parameterization: sp\n",
    "mlp ntk": MLP + adam() + "parameterization: ntk\n",
    "convnet BatchNorm": "model: {build: convnet}\n" + DIGITS + adam(),
    "convnet GroupNorm": "model: {build: convnet, args: {norm: group}}\n" + DIGITS + adam(),
    "Llama": hugging("llama"),
    "Qwen 3": hugging("qwen3"),
    "Mixtral": hugging("mixtral"),
    "GPT-2 of transformers": hugging("gpt2"),
    "T5": hugging("t5", "{d_kv: 16}"),
    "Mamba": hugging("mamba", "{}"),
    "ViT": hugging("vit", VIT),
}


def batches(seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(4, 5, 12, generator=g), torch.randint(0, 6, (4, 5), generator=g)


def entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


class Around(nn.Module):
    """A body between an input layer and a readout."""

    def __init__(self, width: int, body: nn.Module) -> None:
        super().__init__()
        self.first, self.body, self.last = nn.Linear(12, width), body, nn.Linear(width, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(torch.relu(self.first(x)))
        y: Tensor = self.last(h[0] if isinstance(h, tuple) else h)
        return y


class ByHand(nn.Module):
    """Attention with 4 heads that grow, its softmax written out, scaled by 8/d."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.o = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (f(h).unflatten(-1, (4, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        weights = (q @ k.transpose(-1, -2) * (8 / q.shape[-1])).softmax(-1)
        y: Tensor = x + self.o((weights @ v).transpose(1, 2).flatten(2))
        return y


class Lion(Optimizer):
    """Chen et al. (arXiv 2302.06675), algorithm 2; no optimizer of torch."""

    def __init__(self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99),
                 weight_decay: float = 0.0) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # it returns nothing
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_((b1 * m + (1 - b1) * p.grad).sign(), alpha=-group["lr"])
                m.mul_(b2).add_(p.grad, alpha=1 - b2)


Body = Callable[[int], nn.Module]
BODIES: dict[str, Body] = {
    "LSTM": lambda w: nn.LSTM(w, w, batch_first=True),
    "GRU": lambda w: nn.GRU(w, w, batch_first=True),
    "encoder layer": lambda w: nn.TransformerEncoderLayer(w, w // 16, 2 * w, batch_first=True),
    "dropout": lambda w: nn.Sequential(nn.Linear(w, w), nn.ReLU(), nn.Dropout(0.2)),
    "attention by hand": ByHand,
    "RMSNorm and bottleneck": lambda w: nn.Sequential(
        nn.RMSNorm(w), nn.Linear(w, w // 4), nn.GELU(), nn.Linear(w // 4, w)
    ),
    "plain": lambda w: nn.Sequential(nn.Linear(w, w), nn.ReLU()),
}


@functools.cache
def planned(body: str, width: int, optimizer: str) -> Plan:
    return plan(
        lambda width: Around(width, BODIES[body](width)),
        base={"width": 64},
        target={"width": width},
        optimizer={"name": optimizer, "lr": 0.003},
        batch=batches(0),
        loss=entropy,
    )


def own(
    body: str,
    optimizer: str = "adam",
    make: Callable[[Iterable[dict[str, Any]]], Optimizer] | None = None,
    wrap: Callable[[nn.Module], nn.Module] | None = None,
    loss: Callable[[nn.Module, Any], Tensor] = entropy,
) -> Callable[[int, int], Subject]:
    """A builder as a user would write it, with numbers of a plan put in by hand."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model: nn.Module = Around(width, BODIES[body](width))
        found = planned(body, width, optimizer)
        found.initialize(model, seed)
        found.install(model)
        made = make(found.param_groups(model)) if make else found.optimizers(model)[0]
        return Subject(wrap(model) if wrap else model, made, loss, batches)

    return build


def in_bfloat16(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return entropy(model, batch)


class Clipped(torch.optim.Adam):
    """Clips the global gradient norm before each step."""

    def step(self, closure: Any = None) -> Any:
        ours = [p for g in self.param_groups for p in g["params"]]
        nn.utils.clip_grad_norm_(ours, 1.0)
        return super().step(closure)


def lion(groups: Iterable[dict[str, Any]]) -> Optimizer:
    known = ("params", "lr", "weight_decay")
    return Lion([{k: v for k, v in g.items() if k in known} for g in groups])


CALLABLES: dict[str, Callable[[int, int], Subject]] = {
    **{f"own: {body}": own(body) for body in BODIES},
    "own: Lion": own("plain", "lion", lion),
    "own: clipped": own("plain", make=lambda groups: Clipped(list(groups))),
    "own: bfloat16 autocast": own("plain", loss=in_bfloat16),
    "own: compiled": own("plain", wrap=lambda m: torch.compile(m, backend="eager")),  # type: ignore[arg-type,return-value]  # it is a Module
    "own: momentum": own("plain", "sgd"),
}
