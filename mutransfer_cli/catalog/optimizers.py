"""Optimizers that proxies are trained with, or that plans are made for."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerEntry(Entry):
    """A row for an optimizer; its implementation is an `optimizers.protocol.OptimizerSpec`.

    Attributes:
        weight_decay: Default of `optimizer.weight_decay`.
        decoupled: Of one whose decay is added to an adaptive step's gradient, which has no
            consistent scaling rule: the optimizer with decoupled decay to take instead.
        beta1_is_momentum: Its first beta is its momentum; `optimizer.momentum` is refused.
        nesterov: `optimizer.nesterov` means something to it.
        leaves_to: The optimizer that trains the tensors it is not for; its learning rate is
            `optimizer.adamw_lr`.
        batched: `package.module:attribute` of its step for many trials at once, a
            `train.batched_optimizers.protocol.MakeBatchedOptimizer`; None: trials step one by
            one, with the torch class.
    """

    weight_decay: float = 0.1
    decoupled: str | None = None
    beta1_is_momentum: bool = False
    nesterov: bool = False
    leaves_to: str | None = None
    batched: str | None = None


OPTIMIZERS = Registry(
    "optimizers",
    OptimizerEntry,
    [
        OptimizerEntry(
            name="adamw",
            summary="Adam with decoupled weight decay",
            implementation="mutransfer_cli.optimizers.adamw:ADAMW",
            batched="mutransfer_cli.train.batched_optimizers.adamw:BATCHED",
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="adam",
            summary="Adam; its decay is added to the gradient",
            implementation="mutransfer_cli.optimizers.adam:ADAM",
            batched="mutransfer_cli.train.batched_optimizers.adam:BATCHED",
            weight_decay=0.0,
            decoupled="adamw",
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="sgd",
            summary="gradient descent with momentum",
            implementation="mutransfer_cli.optimizers.sgd:SGD",
            batched="mutransfer_cli.train.batched_optimizers.sgd:BATCHED",
            weight_decay=0.0,
            nesterov=True,
        ),
        OptimizerEntry(
            name="lion",
            summary="sign of an interpolated momentum (Chen et al. 2023)",
            implementation="mutransfer_cli.optimizers.lion:LION",
            batched="mutransfer_cli.train.batched_optimizers.lion:VectorizedLion",
        ),
        OptimizerEntry(
            name="muon",
            summary="orthogonalised momentum for hidden matrices, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.muon:MUON",
            batched="mutransfer_cli.train.batched_optimizers.muon:VectorizedMuon",
            leaves_to="adamw",
        ),
        OptimizerEntry(
            name="adafactor",
            summary="updates relative to the size of the tensor",
            implementation="mutransfer_cli.optimizers.adafactor:ADAFACTOR",
            weight_decay=0.0,
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
