"""Models under a hand-written parameterization: Tensor Programs V, Table 8; no plan of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import CheckReport, Subject

BASE = 64
WIDTHS = [64, 128, 256]
HIDDEN = {"second.weight", "third.weight"}
BIAS = "readout.linear.bias"
Change = Callable[[str, float], float]  # tensor name and m -> factor on its learning rate


class Readout(nn.Module):
    """Logits times 1/m, unless it is told otherwise."""

    def __init__(self, width: int, classes: int, scale: float, bias: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.linear = nn.Linear(width, classes, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x * self.scale)
        return y


class MLP(nn.Module):
    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.first = nn.Linear(16, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.readout = Readout(width, 4, scale, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        y: Tensor = self.readout(torch.relu(self.third(x)))
        return y


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            t.unflatten(-1, (-1, 16)).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        y: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return y


class GPT(nn.Module):
    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(32, width), nn.Embedding(16, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.readout = Readout(width, 32, scale)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.readout(self.norm(x))
        return y


def rate(name: str, p: Tensor, m: float, kind: str) -> float:
    """Table 8: hidden 1/m (Adam) or 1 (SGD), everything else 1 (Adam) or m (SGD).

    The readout's bias has neither width among its sizes: 1.
    """
    if name == BIAS:
        return 1.0
    hidden = p.dim() == 2 and not any(s in name for s in ("token", "position", "first", "readout"))
    if kind == "adam":
        return 1 / m if hidden else 1.0
    return 1.0 if hidden else m


def subject(
    model: str = "mlp",
    kind: str = "adam",
    *,
    lr: Change = lambda name, m: 1.0,
    std: Change = lambda name, m: 1.0,
    scale: Callable[[float], float] = lambda m: 1 / m,
    decay: Callable[[float], float] | None = None,
    frozen: str = "",
) -> Callable[..., Subject]:
    """A builder whose parameterization is right but for the changes given."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        m = width / BASE
        made: Any = MLP(width, scale(m)) if model == "mlp" else GPT(width, scale(m))
        groups = []
        for name, p in made.named_parameters():
            with torch.no_grad():
                if p.dim() == 2:
                    embedding = "token" in name or "position" in name
                    fan = 1 / 0.1**2 if embedding else BASE if "readout" in name else p.shape[1]
                    p.normal_(0, fan**-0.5 * std(name, m))
                elif "bias" in name:
                    p.zero_()
            if name != frozen:
                step = 1e-3 * rate(name, p, m, kind) * lr(name, m)
                groups.append({"params": [p], "lr": step, "weight_decay": 0.0})
                if decay is not None and kind == "adam" and p.dim() == 2:
                    groups[-1]["weight_decay"] = 0.1 * decay(m) * 1e-3 / step
        optimizer: torch.optim.Optimizer
        if kind == "adam":
            optimizer = torch.optim.AdamW(groups, eps=1e-12)
        else:
            optimizer = torch.optim.SGD(groups, lr=1e-3)

        def batch(seed: int) -> tuple[Tensor, Tensor]:
            g = torch.Generator().manual_seed(seed)
            if model == "mlp":
                return torch.randn(8, 16, generator=g), torch.randint(0, 4, (8,), generator=g)
            both = torch.randint(0, 32, (2, 9), generator=g)
            return both[:, :-1], both[:, 1:]

        def loss(net: nn.Module, given: tuple[Tensor, Tensor]) -> Tensor:
            x, y = given
            return F.cross_entropy(net(x).flatten(0, -2), y.flatten())

        return Subject(made, optimizer, loss, batch)

    return build


def unscaled_second(name: str, m: float) -> float:
    """The learning rate of one hidden matrix is not divided by the width multiplier."""
    return m if name == "second.weight" else 1.0


def failed(report: CheckReport) -> dict[str, str | None]:
    return {t.name: t.finding for t in report.tensors if t.verdict == "fail"}


class SmallMLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, width), nn.Linear(width, width)
        self.last = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.last(torch.relu(self.second(torch.relu(self.first(x)))))
        return y


def small_batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 6, generator=g), torch.randint(0, 3, (8,), generator=g)


def small_loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def small_subject(width: int, **changes: object) -> Subject:
    model = SmallMLP(width)
    nn.init.zeros_(model.last.weight)
    m = width / 64
    scaled = [model.second.weight, model.last.weight]
    rest = [p for p in model.parameters() if all(p is not s for s in scaled)]
    lr, options = 0.01, {"eps": changes.get("eps", 1e-8)}
    optimizer = torch.optim.Adam(
        [{"params": scaled, "lr": lr / m}, {"params": rest, "lr": lr}], lr=lr, **options
    )
    return Subject(model, optimizer, loss=small_loss, batch=small_batch)
