"""Optimizers that train the proxies or that a plan can be made for."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerEntry(Entry):
    """A row for an optimizer."""


OPTIMIZERS = Registry(
    "optimizers",
    OptimizerEntry,
    [
        OptimizerEntry(
            name="adamw",
            summary="Adam with decoupled weight decay",
            implementation="mutransfer_cli.optimizers.adamw:ADAMW",
        ),
        OptimizerEntry(
            name="adam",
            summary="Adam; its decay is added to the gradient",
            implementation="mutransfer_cli.optimizers.adam:ADAM",
        ),
        OptimizerEntry(
            name="sgd",
            summary="gradient descent with momentum",
            implementation="mutransfer_cli.optimizers.sgd:SGD",
        ),
        OptimizerEntry(
            name="lion",
            summary="sign of an interpolated momentum (Chen et al. 2023)",
            implementation="mutransfer_cli.optimizers.lion:LION",
        ),
        OptimizerEntry(
            name="muon",
            summary="orthogonalised momentum for hidden matrices, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.muon:MUON",
        ),
        OptimizerEntry(
            name="adafactor",
            summary="updates relative to the size of the tensor",
            implementation="mutransfer_cli.optimizers.adafactor:ADAFACTOR",
        ),
        OptimizerEntry(
            name="shampoo",
            summary="Kronecker-factored preconditioning; plans only",
            implementation="mutransfer_cli.optimizers.shampoo:SHAMPOO",
        ),
        OptimizerEntry(
            name="soap",
            summary="Adam in Shampoo's eigenbasis; plans only",
            implementation="mutransfer_cli.optimizers.soap:SOAP",
        ),
    ],
)
