"""Optimizers that train proxies, or for which plans can be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mutransfer_cli.catalog.own_optimizers import is_own
from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerEntry(Entry):
    """A row for an optimizer; its implementation is an `optimizers.protocol.OptimizerSpec`.

    Attributes:
        weight_decay: Default of `optimizer.weight_decay`.
        decoupled: The optimizer with decoupled decay to use instead, for an adaptive optimizer
            that adds the decay to the gradient, which has no consistent scaling rule; else None.
        beta1_is_momentum: Whether beta1 is the momentum, so that `optimizer.momentum` is refused.
        takes: The numbers in `optimizer` that have an effect, be it on tensors that it leaves to
            another optimizer; only these can be searched. None: all of them.
        nesterov: Whether the optimizer supports `optimizer.nesterov`.
        leaves_to: The optimizer for the tensors that this one does not train, whose learning rate
            is `optimizer.adamw_lr`; None: this one trains every tensor.
        adjust_lr: Default of `optimizer.adjust_lr`, a name of `catalog.lr_adjustments`; None: the
            optimizer has no such convention.
        batched: `package.module:attribute` of a
            `train.batched_optimizers.protocol.MakeBatchedOptimizer`, which steps many trials at
            once; None: trials step one at a time, with the torch class.
        package: The module of the optional package that has its class; None: torch, or here.
        schedule: Default of `schedule.name`; None: that of the section.
        eps: Default of `optimizer.eps`; None: that of the section.
        initial_steps: Steps that only initialize its state, before its updates have its geometry.
        second_order: Whether its steps need the graph of the gradients, which populations do not
            have.
    """

    weight_decay: float = 0.1
    decoupled: str | None = None
    beta1_is_momentum: bool = False
    takes: tuple[str, ...] | None = None
    nesterov: bool = False
    leaves_to: str | None = None
    adjust_lr: str | None = None
    batched: str | None = None
    package: str | None = None
    schedule: str | None = None
    eps: float | None = None
    initial_steps: int = 0
    second_order: bool = False


MOMENTS = ("lr", "betas", "eps", "weight_decay")  # what optimizers of Adam's kind take


class OwnOptimizerEntry(OptimizerEntry):
    """The row for a user's class; its implementation makes the `OptimizerSpec` of a name."""

    def load(self) -> Any:
        """Measure the class.

        Raises:
            InputError: It cannot be imported, or its geometry is none that is known.
        """
        return super().load()(self.name)


class OptimizerRegistry(Registry[OptimizerEntry]):
    """The optimizers that have a row, and every class of a user by its import path."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or is_own(name)

    def __getitem__(self, name: str) -> OptimizerEntry:
        return super().__getitem__(name) if super().__contains__(name) else _own_row(name)

    def get(self, name: object) -> OptimizerEntry | None:
        """The entry of this name, or None."""
        return self[name] if isinstance(name, str) and name in self else None

    def unknown(self, name: str) -> str:
        """The error message for an unknown name."""
        module, dot, attribute = name.rpartition(".")
        if dot and is_own(f"{module}:{attribute}"):
            return f"found {name!r}: a class takes a colon before its name, {module}:{attribute}"
        return f"{super().unknown(name)}; a class of your own is package.module:Class"


def _own_row(name: str) -> OptimizerEntry:
    """The row of a user's class.

    Raises:
        KeyError: The name is not an import path.
    """
    if not is_own(name):
        raise KeyError(name)
    return OwnOptimizerEntry(
        name=name,
        summary="a class of your own, measured",
        implementation="mutransfer_cli.optimizers.own.own_optimizer:own_optimizer",
        takes=(*MOMENTS, "momentum", "adamw_lr"),
        weight_decay=0.0,
        leaves_to="adamw",
    )


OPTIMIZERS = OptimizerRegistry(
    "optimizers",
    OptimizerEntry,
    [
        OptimizerEntry(
            name="adamw",
            summary="Adam with decoupled weight decay",
            implementation="mutransfer_cli.optimizers.adamw:ADAMW",
            takes=MOMENTS,
            batched="mutransfer_cli.train.batched_optimizers.adamw:BATCHED",
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="adam",
            summary="Adam; its decay is added to the gradient",
            implementation="mutransfer_cli.optimizers.adam:ADAM",
            takes=MOMENTS,
            batched="mutransfer_cli.train.batched_optimizers.adam:BATCHED",
            weight_decay=0.0,
            decoupled="adamw",
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="sgd",
            summary="gradient descent with momentum",
            implementation="mutransfer_cli.optimizers.sgd:SGD",
            takes=("lr", "momentum", "weight_decay"),
            batched="mutransfer_cli.train.batched_optimizers.sgd:BATCHED",
            weight_decay=0.0,
            nesterov=True,
        ),
        OptimizerEntry(
            name="lion",
            summary="sign of an interpolated momentum (Chen et al. 2023)",
            implementation="mutransfer_cli.optimizers.lion:LION",
            takes=("lr", "betas", "weight_decay"),
            batched="mutransfer_cli.train.batched_optimizers.lion:VectorizedLion",
        ),
        OptimizerEntry(
            name="muon",
            summary="orthogonalized momentum for hidden matrices, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.muon:MUON",
            takes=(*MOMENTS, "momentum", "adamw_lr"),
            adjust_lr="original",
            batched="mutransfer_cli.train.batched_optimizers.muon:VectorizedMuon",
            leaves_to="adamw",
        ),
        OptimizerEntry(
            name="adafactor",
            summary="updates relative to the size of the tensor",
            implementation="mutransfer_cli.optimizers.adafactor:ADAFACTOR",
            takes=("lr", "weight_decay"),
            weight_decay=0.0,
        ),
        OptimizerEntry(
            name="nadamw",
            summary="Adam with Nesterov's momentum and decoupled weight decay",
            implementation="mutransfer_cli.optimizers.nadamw:NADAMW",
            takes=MOMENTS,
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="rmsprop",
            summary="gradient over its running RMS; beta2 is its alpha",
            implementation="mutransfer_cli.optimizers.rmsprop:RMSPROP",
            takes=(*MOMENTS, "momentum"),
            weight_decay=0.0,
            decoupled="adamw",
        ),
        OptimizerEntry(
            name="adamax",
            summary="Adam with the largest gradient in place of the second moment",
            implementation="mutransfer_cli.optimizers.adamax:ADAMAX",
            takes=MOMENTS,
            weight_decay=0.0,
            decoupled="adamw",
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="adagrad",
            summary="gradient over the root of the sum of its squares",
            implementation="mutransfer_cli.optimizers.adagrad:ADAGRAD",
            takes=("lr", "eps", "weight_decay"),
            weight_decay=0.0,
            decoupled="adamw",
        ),
        OptimizerEntry(
            name="radam",
            summary="Adam whose first steps are rectified, with decoupled weight decay",
            implementation="mutransfer_cli.optimizers.radam:RADAM",
            initial_steps=5,
            takes=MOMENTS,
            beta1_is_momentum=True,
        ),
        OptimizerEntry(
            name="adopt",
            summary="Adam that divides by the second moment of earlier steps",
            implementation="mutransfer_cli.optimizers.adopt:ADOPT",
            initial_steps=1,
            takes=MOMENTS,
            beta1_is_momentum=True,
            package="pytorch_optimizer",
        ),
        OptimizerEntry(
            name="schedulefree-adamw",
            summary="AdamW that averages its weights in place of a schedule",
            implementation="mutransfer_cli.optimizers.schedulefree:SCHEDULEFREE",
            takes=MOMENTS,
            beta1_is_momentum=True,
            package="schedulefree",
            schedule="constant",
        ),
        OptimizerEntry(
            name="sophia",
            summary="momentum over an estimate of the Hessian's diagonal, clipped",
            implementation="mutransfer_cli.optimizers.sophia:SOPHIA",
            eps=1e-12,  # the authors'
            takes=MOMENTS,
            beta1_is_momentum=True,
            second_order=True,
        ),
        OptimizerEntry(
            name="adamh",
            summary="Adam on hidden matrices of fixed norm, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.adamh:ADAMH",
            takes=(*MOMENTS, "adamw_lr"),
            weight_decay=0.0,
            beta1_is_momentum=True,
            leaves_to="adamw",
            batched="mutransfer_cli.train.batched_optimizers.adamh:VectorizedAdamH",
        ),
        OptimizerEntry(
            name="muonh",
            summary="Muon on hidden matrices of fixed norm, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.muonh:MUONH",
            takes=(*MOMENTS, "momentum", "adamw_lr"),
            weight_decay=0.0,
            leaves_to="adamw",
            batched="mutransfer_cli.train.batched_optimizers.muonh:VectorizedMuonH",
        ),
        OptimizerEntry(
            name="shampoo",
            summary="Kronecker-factored preconditioning of hidden matrices, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.shampoo:SHAMPOO",
            takes=(*MOMENTS, "adamw_lr"),
            leaves_to="adamw",
            package="pytorch_optimizer",
        ),
        OptimizerEntry(
            name="soap",
            summary="Adam in Shampoo's eigenbasis for hidden matrices, AdamW for the rest",
            implementation="mutransfer_cli.optimizers.soap:SOAP",
            eps=1e-6,  # less than that lets it normalize the rounding errors of its eigenbasis
            initial_steps=1,
            takes=(*MOMENTS, "adamw_lr"),
            leaves_to="adamw",
            package="pytorch_optimizer",
        ),
    ],
)
