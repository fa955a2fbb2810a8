"""A residual convolutional network: in each block a depthwise and a dense convolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError

GROUPS = 8  # of GroupNorm


def norm_of(kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(GROUPS, channels)


class Block(nn.Module):
    """Norm, depthwise 3×3, dense 3×3, activation, dense 1×1, added to the stream."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.residual_scale = 1.0
        self.norm = norm_of(norm, channels)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.dense = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.inner = norm_of(norm, channels)
        self.out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.inner(self.dense(self.depthwise(self.norm(x)))))
        y: Tensor = x + self.residual_scale * self.out(h)
        return y


class ConvNet(nn.Module):
    """Images (batch, d_in, side, side), or vectors of them, -> logits (batch, d_out)."""

    def __init__(
        self, channels: int, n_layer: int, d_out: int, d_in: int = 1, norm: str = "batch"
    ) -> None:
        super().__init__()
        self.d_in = d_in
        self.embedding_scale = 1.0
        self.logit_scale = 1.0
        self.stem = nn.Conv2d(d_in, channels, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(Block(channels, norm) for _ in range(n_layer))
        self.norm = norm_of(norm, channels)
        self.readout = nn.Linear(channels, d_out)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            side = round((x.shape[1] / self.d_in) ** 0.5)
            if self.d_in * side**2 != x.shape[1]:
                raise InputError(
                    f"convnet: {x.shape[1]} numbers are no {self.d_in} square images; expected "
                    "d_in · side²"
                )
            x = x.view(len(x), self.d_in, side, side)
        x = self.embedding_scale * self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.norm(x)).mean((2, 3))
        logits: Tensor = self.readout(self.logit_scale * x)
        return logits
