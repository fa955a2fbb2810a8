"""Built-in models."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry(Entry):
    """A row for a built-in model."""


MODELS = Registry(
    "models",
    ModelEntry,
    [
        ModelEntry(
            name="mlp",
            summary="multilayer perceptron on vectors",
            implementation="mutransfer_cli.models.builtin.mlp:MLP",
        ),
        ModelEntry(
            name="gpt",
            summary="decoder-only transformer on tokens",
            implementation="mutransfer_cli.models.builtin.gpt:GPT",
        ),
        ModelEntry(
            name="convnet",
            summary="residual convolutional network on images",
            implementation="mutransfer_cli.models.builtin.convnet:ConvNet",
        ),
    ],
)
