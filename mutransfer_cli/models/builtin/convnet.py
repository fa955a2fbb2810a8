"""A residual convolutional network: in each block a depthwise and a dense convolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError

GROUPS = 8  # of GroupNorm


def normalization(kind: str, channels: int) -> nn.Module:
    """BatchNorm for "batch", else GroupNorm."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(GROUPS, channels)


class Block(nn.Module):
    """Norm, depthwise 3×3, dense 3×3, activation, dense 1×1, added to the stream."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.residual_scale = 1.0
        self.norm = normalization(norm, channels)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.dense = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.inner = normalization(norm, channels)
        self.out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, side, side) -> the same."""
        h = F.relu(self.inner(self.dense(self.depthwise(self.norm(x)))))
        y: Tensor = x + self.residual_scale * self.out(h)
        return y


class ConvNet(nn.Module):
    """Images (batch, d_in, side, side), or vectors of them, -> logits (batch, d_out)."""

    def __init__(
        self, channels: int, n_layer: int, d_out: int, d_in: int = 1, norm: str = "batch"
    ) -> None:
        """Build the model.

        Args:
            channels: Width of the residual stream.
            n_layer: Number of blocks.
            d_out: Number of classes.
            d_in: Channels of the images.
            norm: "batch" or "group".
        """
        super().__init__()
        self.d_in = d_in
        self.embedding_scale = 1.0
        self.logit_scale = 1.0
        self.stem = nn.Conv2d(d_in, channels, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(Block(channels, norm) for _ in range(n_layer))
        self.norm = normalization(norm, channels)
        self.readout = nn.Linear(channels, d_out)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Images, or vectors of d_in · side² numbers -> logits.

        Raises:
            InputError: The vectors are not square images.
        """
        if x.dim() == 2:
            side = round((x.shape[1] / self.d_in) ** 0.5)
            if self.d_in * side**2 != x.shape[1]:
                raise InputError(
                    f"convnet: {x.shape[1]} numbers are not {self.d_in} square images; expected "
                    "d_in · side²"
                )
            x = x.view(len(x), self.d_in, side, side)
        x = self.embedding_scale * self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.norm(x)).mean((2, 3))
        logits: Tensor = self.readout(self.logit_scale * x)
        return logits
