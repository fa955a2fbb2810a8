"""Built-in models: what a recipe needs to know about each, without building it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import model_validator

from mutransfer_cli.catalog.fields import Positive, PositiveNumber, Section, Switch, refuse
from mutransfer_cli.catalog.registry import Entry, Registry
from mutransfer_cli.catalog.sources import DataKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The lines that `mutransfer init` writes for a model.

    Attributes:
        model: The `model:` section, with comments; empty: generated from the row.
        init: The `init:` section.
        source: Name of the preferred data source; without it, the first suitable source is used.
        steps: Training steps at the base.
    """

    model: str = ""
    init: str = "init: {std: null}                 # null: 1/sqrt(fan_in)"
    source: str = ""
    steps: int = 200


@dataclass(frozen=True, slots=True)
class Growth:
    """The argument of a built-in model that follows an axis.

    Attributes:
        argument: Name of the argument.
        divisors: Other arguments that must divide it, where they are given.
    """

    argument: str
    divisors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry(Entry):
    """A row for a built-in model; its implementation is a `models.builtin.protocol.BuildModel`.

    Attributes:
        arguments: What `model.args` may hold: arguments that do not grow.
        grows: For each axis, the argument that grows along it.
        reads: The kind of data that the model is trained on.
        from_data: Those of vocab_size, seq_len, d_in and d_out that are taken from the data. One
            that `arguments` also has may be given in `model.args` instead.
        init: Default of `init.from`.
        embedding: Whether the model has an embedding, which `multipliers.embedding` scales.
        attention: Whether the model has attention, whose logits `multipliers.attention` scales.
        residual_branches: Whether the model has residual branches, which `multipliers.residual`
            and `init.residual` scale.
        unit_scaled: Whether the model can be trained under umup, being a
            `models.builtin.protocol.UnitScaled`.
        batched: `package.module:Class` of the model's `train.population.model_stack.ModelStack`
            with an explicit trial dimension; None: its populations train under vmap.
        example: What `mutransfer init` writes for the model.
    """

    arguments: type[Section]
    grows: Mapping[str, Growth]
    reads: DataKind
    from_data: tuple[str, ...] = ()
    init: Literal["fan_in", "model"] = "fan_in"
    embedding: bool = False
    attention: bool = False
    residual_branches: bool = False
    unit_scaled: bool = False
    batched: str | None = None
    example: Example = Example()


class TransformerArguments(Section):
    """Arguments of every built-in transformer."""

    vocab_size: Positive
    """Number of tokens."""
    head_dim: Positive | None = None
    """Head size: heads grow in number."""
    n_head: Positive | None = None
    """Number of heads: heads grow in size."""

    @model_validator(mode="after")
    def _one_head(self) -> Self:
        if (self.head_dim is None) == (self.n_head is None):
            given = "both" if self.head_dim is not None else "neither"
            raise refuse(f"give exactly one of head_dim, n_head; found {given}")
        return self


class MoeArguments(TransformerArguments):
    """`moe`: as `gpt`; n_expert, n_active and d_expert may follow axes of their own."""

    n_expert: Positive = 8
    """Number of experts, where base.experts is not given."""
    n_active: Positive = 2
    """Experts that a token is sent to, where base.active_experts is not given."""
    expert_ratio: PositiveNumber = 1.0
    """Hidden size of an expert over d_model, where base.expert_width is not given."""


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


class GptArguments(TransformerArguments):
    """`gpt`: d_model follows the width, n_layer the depth, seq_len comes from the data."""

    tied: Switch = False
    """Readout and token embedding share one matrix."""
    bias: Switch = False
    """Biases in linear layers."""
    mlp_ratio: Positive = 4
    """Hidden size of the feed-forward part over d_model."""


class ConvnetArguments(Section):
    """`convnet`: channels follow the width, n_layer the depth."""

    d_out: Positive
    """Classes."""
    d_in: Positive = 1
    """Channels of the images."""
    norm: Literal["batch", "group"] = "batch"
    """BatchNorm, or GroupNorm of 8 groups."""


MODELS = Registry(
    "models",
    ModelEntry,
    [
        ModelEntry(
            name="mlp",
            summary="multilayer perceptron on vectors",
            implementation="mutransfer_cli.models.builtin.mlp:MLP",
            arguments=MlpArguments,
            grows={"width": Growth("d_hidden"), "depth": Growth("n_layer")},
            reads="vectors",
            from_data=("d_in", "d_out"),
            batched="mutransfer_cli.train.population.batched_mlp:BatchedMLP",
            example=Example(
                model="""\
model:
  build: mlp
  args: {activation: relu}        # d_in and d_out come from the data
""",
                source="teacher",
            ),
        ),
        ModelEntry(
            name="gpt",
            summary="decoder-only transformer on tokens",
            implementation="mutransfer_cli.models.builtin.gpt:GPT",
            arguments=GptArguments,
            grows={
                "width": Growth("d_model", divisors=("head_dim", "n_head")),
                "depth": Growth("n_layer"),
                "seq_len": Growth("seq_len"),
            },
            reads="tokens",
            from_data=("vocab_size", "seq_len"),
            embedding=True,
            attention=True,
            residual_branches=True,
            unit_scaled=True,
            batched="mutransfer_cli.train.population.batched_gpt:BatchedGPT",
            example=Example(
                model="""\
model:
  build: gpt
  args: {vocab_size: 256, head_dim: 16}   # every width is a multiple of head_dim
""",
                init="init: {embedding_std: 0.1, residual: gpt2}",
                source="stdlib",
            ),
        ),
        ModelEntry(
            name="moe",
            summary="the transformer with a mixture of experts in every block",
            implementation="mutransfer_cli.models.builtin.moe:MoE",
            arguments=MoeArguments,
            grows={
                "width": Growth("d_model", divisors=("head_dim", "n_head")),
                "depth": Growth("n_layer"),
                "experts": Growth("n_expert"),
                "active_experts": Growth("n_active"),
                "expert_width": Growth("d_expert"),
                "seq_len": Growth("seq_len"),
            },
            reads="tokens",
            from_data=("vocab_size", "seq_len"),
            embedding=True,
            attention=True,
            residual_branches=True,
            example=Example(
                model="""\
# base may also give experts, active_experts and expert_width, as axes of their own.
model:
  build: moe
  args: {vocab_size: 256, head_dim: 16, n_expert: 8, n_active: 2}
""",
                init="init: {embedding_std: 0.1, residual: gpt2}",
                source="stdlib",
            ),
        ),
        ModelEntry(
            name="convnet",
            summary="residual convolutional network on images",
            implementation="mutransfer_cli.models.builtin.convnet:ConvNet",
            arguments=ConvnetArguments,
            grows={"width": Growth("channels"), "depth": Growth("n_layer")},
            reads="vectors",
            from_data=("d_out",),
            embedding=True,
            residual_branches=True,
            example=Example(
                model="""\
# Residual blocks of a dense and a depthwise convolution.
model:
  build: convnet
  args: {norm: batch}             # batch | group
""",
                source="digits",
                steps=100,
            ),
        ),
    ],
)
