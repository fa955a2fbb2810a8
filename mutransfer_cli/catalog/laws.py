"""Forms of scaling laws, which `mutransfer law --form` fits to tables of runs."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class LawEntry(Entry):
    """A row for a form of law.

    Attributes:
        sizes: The sizes in which it is a function: for each, the columns that it may be, the usual
            one first.
        columns: Further columns that it needs.
        hyperparameters: The columns whose optimum it predicts, unless the user names others; those
            that vary among runs of one size are used.
        optional: Whether a size may be missing, or the same in all runs.
        one_model: Whether it holds for one model and training length, so that other sizes have to
            be the same in all runs.
    """

    sizes: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...] = ("loss",)
    hyperparameters: tuple[str, ...] = ()
    optional: bool = False
    one_model: bool = False

    @property
    def predicts_loss(self) -> bool:
        """Whether it is a law of the loss itself."""
        return self.columns == ("loss",)


_FORMS = "mutransfer_cli.surface.laws.forms"

LAWS = Registry(
    "laws",
    LawEntry,
    [
        LawEntry(
            name="chinchilla",
            summary="loss = E + A·params^-alpha + B·tokens^-beta",
            implementation=f"{_FORMS}.chinchilla:CHINCHILLA",
            sizes=(("params",), ("tokens",)),
        ),
        LawEntry(
            name="power",
            summary="loss = E + A·size^-alpha, in the one size that varies",
            implementation=f"{_FORMS}.power:POWER",
            sizes=(("flops", "params", "tokens", "width", "steps"),),
        ),
        LawEntry(
            name="isoflop",
            summary="compute-optimal params and tokens, from runs of equal flops",
            implementation=f"{_FORMS}.isoflop:ISOFLOP",
            sizes=(("flops",),),
            columns=("params", "loss"),
        ),
        LawEntry(
            name="optimum",
            summary="optimal lr, batch or any column = c·product of size^exponent",
            implementation=f"{_FORMS}.optimum:OPTIMUM",
            sizes=(("params", "width"), ("tokens", "steps")),
            columns=(),
            hyperparameters=("lr", "batch"),
            optional=True,
        ),
        LawEntry(
            name="batch",
            summary="optimal lr = epsilon_max / (1 + B_noise/batch)",
            implementation=f"{_FORMS}.noise_scale:NOISE_SCALE",
            sizes=(("batch",),),
            columns=(),
            hyperparameters=("lr",),
            one_model=True,
        ),
    ],
)
