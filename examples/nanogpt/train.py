"""A nanoGPT-style script: it reads the emitted config as nanoGPT does, by exec.

    mutransfer scale recipe.yaml --width 64 --format nanogpt-completep -o config_64.py   # 128, 256
    python train.py config_128.py --max_iters=20
    mutransfer check train:build

The parameterization is that of EleutherAI/nanoGPT-mup, branch completep, written out here: the
config holds base values, and the code below divides by the width multiplier.
"""

from __future__ import annotations

import argparse
import math
import sys
from ast import literal_eval
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TEXT = torch.frombuffer(bytearray(Path(argparse.__file__).read_bytes()), dtype=torch.uint8).long()
HIDDEN = ("c_attn.weight", "c_fc.weight", "c_proj.weight")


def configured(path: str, overrides: tuple[str, ...] = ()) -> SimpleNamespace:
    """nanoGPT's configurator: a Python file, then --key=value."""
    values: dict = {}
    exec(Path(path).read_text(), values)
    for word in overrides:
        key, _, value = word.removeprefix("--").partition("=")
        values[key] = literal_eval(value)
    return SimpleNamespace(**values)


class Norm(nn.Module):
    def __init__(self, c: SimpleNamespace) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c.n_embd))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight)


class Block(nn.Module):
    def __init__(self, c: SimpleNamespace) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = Norm(c), Norm(c)
        self.attn = nn.ModuleDict(
            {
                "c_attn": nn.Linear(c.n_embd, 3 * c.n_embd, bias=c.bias),
                "c_proj": nn.Linear(c.n_embd, c.n_embd, bias=c.bias),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(c.n_embd, 4 * c.n_embd, bias=c.bias),
                "c_proj": nn.Linear(4 * c.n_embd, c.n_embd, bias=c.bias),
            }
        )
        self.heads, size = c.n_head, c.n_embd // c.n_head
        self.scale = size**-0.5 if c.mup_disable_attention_scaling else 1 / size
        self.residual = c.depth_multiplier**-c.depth_alpha_exp

    def forward(self, x: Tensor) -> Tensor:
        rows = self.attn["c_attn"](self.ln_1(x)).chunk(3, -1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in rows)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        x = x + self.residual * self.attn["c_proj"](mixed.transpose(1, 2).flatten(2))
        up = F.gelu(self.mlp["c_fc"](self.ln_2(x)))
        return x + self.residual * self.mlp["c_proj"](up)


class GPT(nn.Module):
    def __init__(self, c: SimpleNamespace) -> None:
        super().__init__()
        self.config = c
        self.wte, self.wpe = nn.Embedding(256, c.n_embd), nn.Embedding(c.block_size, c.n_embd)
        self.h = nn.ModuleList(Block(c) for _ in range(c.n_layer))
        self.ln_f = Norm(c)
        for name, p in self.named_parameters():
            if p.dim() == 2:  # hidden matrices start smaller at a larger width
                hidden = name.endswith(HIDDEN)
                std = c.init_std / (math.sqrt(c.mup_width_multiplier) if hidden else 1)
                nn.init.normal_(p, 0.0, std)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1], device=idx.device))
        x = x * self.config.mup_input_alpha
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)  # tied
        return logits * (self.config.mup_output_alpha / self.config.mup_width_multiplier)

    def configure_optimizer(self) -> torch.optim.AdamW:
        """Rates, decays and epsilon from the base values."""
        c, groups = self.config, {}
        m, r, alpha = c.mup_width_multiplier, c.depth_multiplier, c.depth_alpha_exp
        for name, p in self.named_parameters():
            hidden = name.endswith(HIDDEN)
            depth = r ** (alpha - 1) if name.startswith("h.") else 1.0
            decay = 0.0 if p.dim() < 2 else c.weight_decay * (m if hidden else 1)
            key = (depth / m if hidden else depth, decay, name.startswith("h."))
            groups.setdefault(key, []).append(p)
        return torch.optim.AdamW(
            [
                {
                    "params": params,
                    "lr": c.learning_rate * lr_scale,
                    "lr_scale": lr_scale,
                    "weight_decay": decay,
                    "eps": c.adam_eps / m * (r**-alpha if inside else 1),
                }
                for (lr_scale, decay, inside), params in groups.items()
            ],
            betas=(c.beta1, c.beta2),
        )


def rate(c: SimpleNamespace, step: int) -> float:
    """nanoGPT's get_lr: the rate at the base, before lr_scale."""
    if step < c.warmup_iters:
        return c.learning_rate * (step + 1) / c.warmup_iters
    share = (step - c.warmup_iters) / max(1, c.lr_decay_iters - c.warmup_iters)
    return c.min_lr + 0.5 * (1 + math.cos(math.pi * share)) * (c.learning_rate - c.min_lr)


def batch(c: SimpleNamespace, seed: int) -> tuple[Tensor, Tensor]:
    starts = torch.randint(
        len(TEXT) - c.block_size - 1, (c.batch_size,), generator=torch.Generator().manual_seed(seed)
    )
    rows = torch.stack([TEXT[s : s + c.block_size + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


def loss_of(model: nn.Module, data: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(data[0]).flatten(0, 1), data[1].flatten())


def build(width: int, seed: int):
    """What `mutransfer check train:build` measures."""
    from mutransfer_cli import Subject

    c = configured(f"config_{width}.py")
    torch.manual_seed(seed)
    model = GPT(c)
    return Subject(model, model.configure_optimizer(), loss_of, lambda s: batch(c, s))


def main() -> None:
    c = configured(sys.argv[1], tuple(sys.argv[2:]))
    torch.manual_seed(0)
    model = GPT(c)
    optimizer = model.configure_optimizer()
    for step in range(c.max_iters):
        for group in optimizer.param_groups:
            group["lr"] = rate(c, step) * group["lr_scale"]
        loss = loss_of(model, batch(c, step))
        optimizer.zero_grad()
        loss.backward()
        if c.grad_clip:
            nn.utils.clip_grad_norm_(model.parameters(), c.grad_clip)
        optimizer.step()
        if step in (0, c.max_iters - 1):
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
