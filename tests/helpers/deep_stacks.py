"""Stacks whose depth is no pre-norm transformer's: plain, convolutional, looped, post-norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject
from recipes.ladders.noisy_digits import draw, validation

VECTOR, IMAGE, CLASSES, EXAMPLES, VALIDATION, DIGIT = 16, 4, 10, 16, 512, 8


def he_normal(model: nn.Module) -> None:
    """Var[W] = 2 / fan_in, so that a ReLU stack keeps its size; the readout at 1 / fan_in."""
    for name, p in model.named_parameters():
        if p.dim() > 1:
            gain = 1.0 if name.startswith("readout") else 2.0
            nn.init.normal_(p, 0.0, (gain / p[0].numel()) ** 0.5)


class PlainConvNet(nn.Module):
    """Images -> convolution 3×3 and ReLU, `depth` times, without norms or residual sums."""

    def __init__(self, width: int, depth: int, pooled: bool = True) -> None:
        super().__init__()
        self.pooled = pooled

        def convolution(channels: int) -> nn.Conv2d:
            return nn.Conv2d(channels, width, 3, padding=1, bias=False, padding_mode="circular")

        self.stem = convolution(1)
        self.blocks = nn.ModuleList(convolution(width) for _ in range(depth))
        pixels = 1 if pooled else DIGIT**2
        self.readout = nn.Linear(pixels * width, CLASSES, bias=False)
        he_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, side, side), or as many numbers -> logits."""
        side = round((x[0].numel()) ** 0.5)
        x = self.stem(x.view(len(x), 1, side, side))
        for block in self.blocks:
            x = block(F.relu(x))
        x = F.relu(x)
        logits: Tensor = self.readout(x.mean((2, 3)) if self.pooled else x.flatten(1))
        return logits


class Branch(nn.Module):
    """Norm, and an MLP of two matrices."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.gelu(self.up(self.norm(x))))
        return y


class PreNorm(nn.Module):
    """The residual sum of a stream and a branch behind its norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual_scale = 1.0
        self.branch = Branch(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual_scale * self.branch(x)


class PostNorm(PreNorm):
    """The norm of the residual sum."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.branch.norm = nn.Identity()  # type: ignore[assignment]  # no norm in the branch
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(super().forward(x))
        return y


class Parallel(nn.Module):
    """Two branches that read the same stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual_scale = 1.0
        self.one, self.other = Branch(width), Branch(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual_scale * self.one(x) + self.residual_scale * self.other(x)


class Stack(nn.Module):
    """A stem, blocks and a readout; with `loops`, the same block as often as the depth says."""

    def __init__(
        self, width: int, depth: int, block: type[nn.Module] = PreNorm, loops: bool = False
    ) -> None:
        super().__init__()
        self.depth, self.loops = depth, loops
        self.stem = nn.Linear(VECTOR, width)
        self.blocks = nn.ModuleList(block(width) for _ in range(1 if loops else depth))
        self.norm = nn.LayerNorm(width)
        self.readout = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 16) -> logits."""
        x = self.stem(x)
        for i in range(self.depth):
            x = self.blocks[0 if self.loops else i](x)
        logits: Tensor = self.readout(self.norm(x))
        return logits


def examples(seed: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Normal inputs with random classes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(EXAMPLES, *shape, generator=generator)
    return x, torch.randint(CLASSES, (EXAMPLES,), generator=generator)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def plain_convnet(width: int, depth: int) -> Subject:
    model = PlainConvNet(width, depth)
    return Subject(model, loss=loss, batch=lambda s: examples(s, (1, IMAGE, IMAGE)))


def digits_convnet(width: int, depth: int) -> Subject:
    """The same on noisy digits, in batches of 16."""
    return Subject(
        PlainConvNet(width, depth, pooled=False),
        loss=loss,
        batch=lambda seed: draw(seed, EXAMPLES),
        eval_batch=lambda seed: tuple(part[:VALIDATION] for part in validation(seed)),
    )


def looped(width: int, depth: int) -> Subject:
    model = Stack(width, depth, loops=True)
    return Subject(model, loss=loss, batch=lambda s: examples(s, (VECTOR,)))


def post_norm(width: int, depth: int) -> Subject:
    model = Stack(width, depth, PostNorm)
    return Subject(model, loss=loss, batch=lambda s: examples(s, (VECTOR,)))


def parallel(width: int, depth: int) -> Subject:
    model = Stack(width, depth, Parallel)
    return Subject(model, loss=loss, batch=lambda s: examples(s, (VECTOR,)))


def looped_stack(width: int, depth: int) -> nn.Module:
    """For data and a loss of the recipe."""
    return Stack(width, depth, loops=True)


def post_norm_stack(width: int, depth: int) -> nn.Module:
    """For data and a loss of the recipe."""
    return Stack(width, depth, PostNorm)


def parallel_stack(width: int, depth: int) -> nn.Module:
    """For data and a loss of the recipe."""
    return Stack(width, depth, Parallel)
