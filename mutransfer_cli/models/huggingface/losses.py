"""Losses of Hugging Face models that are no plain next-token predictors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.data.protocol import Batch
from mutransfer_cli.errors import InputError

IGNORED_TARGET = -100  # of a position that is not predicted


def seq2seq_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The encoder reads the first half of a window, the decoder continues with the second."""
    inputs, targets = batch
    half = inputs.shape[1] // 2
    logits: Tensor = model(input_ids=inputs[:, :half], decoder_input_ids=inputs[:, half:]).logits
    return F.cross_entropy(logits.flatten(0, -2).float(), targets[:, half:].flatten())


def masked_loss(model: Any, batch: Batch) -> Tensor:
    """One token in seven is masked and predicted; which ones depends on the text alone."""
    inputs, _ = batch
    positions = torch.arange(inputs.shape[1], device=inputs.device)
    masked = (31 * inputs + 17 * inputs.roll(1, 1) + positions) % 7 == 0
    masked = masked | (positions == len(positions) // 2)  # at least one
    mask = model.config.mask_token_id if hasattr(model.config, "mask_token_id") else None
    mask = model.config.vocab_size - 1 if mask is None else mask
    logits: Tensor = model(input_ids=inputs.masked_fill(masked, mask)).logits
    targets = inputs.masked_fill(~masked, IGNORED_TARGET)
    return F.cross_entropy(
        logits.flatten(0, -2).float(), targets.flatten(), ignore_index=IGNORED_TARGET
    )


def image_loss(model: Any, batch: Batch) -> Tensor:
    """Vectors of numbers are seen as images of the config's own size.

    Raises:
        InputError: The vectors have another length.
    """
    inputs, targets = batch
    side, channels = model.config.image_size, model.config.num_channels
    if inputs[0].numel() != channels * side**2:
        raise InputError(
            f"its images are {channels}×{side}×{side}, the data has {inputs[0].numel()} "
            "numbers an example; set image_size and num_channels in model.args",
            path=("model",),
        )
    logits: Tensor = model(pixel_values=inputs.view(-1, channels, side, side)).logits
    return F.cross_entropy(logits.float(), targets)
