"""Arguments of the built-in models that do not grow (`model.args`)."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from mutransfer_cli.recipe.schema.base import Positive, Section, Switch, refuse


class MlpArguments(Section):
    """`mlp`: d_hidden follows the width, n_layer the depth."""

    d_in: Positive
    """Numbers per input."""
    d_out: Positive
    """Classes."""
    activation: Literal["relu", "gelu", "tanh", "silu"] = "relu"
    """Nonlinearity after every layer but the last."""
    bias: Switch = True
    """Biases in every layer."""


class GptArguments(Section):
    """`gpt`: d_model follows the width, n_layer the depth, seq_len comes from the data."""

    vocab_size: Positive
    """Number of tokens."""
    head_dim: Positive | None = None
    """Head size: heads grow in number."""
    n_head: Positive | None = None
    """Number of heads: heads grow in size."""
    tied: Switch = False
    """Readout and token embedding share one matrix."""
    bias: Switch = False
    """Biases in linear layers."""
    mlp_ratio: Positive = 4
    """Hidden size of the feed-forward part over d_model."""

    @model_validator(mode="after")
    def _one_head(self) -> GptArguments:
        if (self.head_dim is None) == (self.n_head is None):
            found = "both" if self.head_dim is not None else "neither"
            raise refuse(f"give exactly one of head_dim, n_head; found {found}")
        return self


class ConvnetArguments(Section):
    """`convnet`: channels follow the width, n_layer the depth."""

    d_out: Positive
    """Classes."""
    d_in: Positive = 1
    """Channels of the images."""
    norm: Literal["batch", "group"] = "batch"
    """BatchNorm, or GroupNorm of 8 groups."""


ARGUMENTS: dict[str, type[Section]] = {
    "mlp": MlpArguments,
    "gpt": GptArguments,
    "convnet": ConvnetArguments,
}
# The one argument of a built-in model that follows each axis.
WIDTH_ARGUMENT = {"mlp": "d_hidden", "gpt": "d_model", "convnet": "channels"}
DEPTH_ARGUMENT = {"mlp": "n_layer", "gpt": "n_layer", "convnet": "n_layer"}
