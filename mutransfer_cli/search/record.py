"""Records of trials that have ended, and the keys that identify trials."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mutransfer_cli.catalog.further_sizes import further_attributes
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS, SIZES
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.surface.observation import Observation

Key: TypeAlias = tuple[Size, int, tuple[tuple[str, str], ...]]


def rounded(value: float) -> str:
    """A number as part of a key, without the last digits, which storing it may change."""
    return f"{value:.12g}"


def trial_key(size: Size, seed: int, params: Mapping[str, float]) -> Key:
    """Identifies a trial by its size, seed and hyperparameters."""
    return size, seed, tuple(sorted((name, rounded(value)) for name, value in params.items()))


@further_attributes(lambda axis: BASE_DEFAULTS[axis.size])
@dataclass(frozen=True, slots=True)
class Record:
    """One trial that has ended.

    Attributes:
        params: Hyperparameters that the search varied, by name.
        width: Width of the proxy.
        depth: Depth of the proxy.
        batch: Examples per step.
        steps: Steps of a trial that runs to its end.
        seed: Seed of the initialization and of the order of the data.
        outcome: One of finished, diverged, failed, pruned.
        loss: Final loss; None unless it finished.
        seconds: Wall time that the trial took its worker.
        flops: Floating-point operations; of a pruned trial, those of the steps that it trained.
        why: Why it did not finish; None if it did.
        curve: Steps and training losses.
        reports: Steps at which it could have been pruned, and the losses there.
        provenance: Id of what it was made with; None: it was made before that was stored.
        norms: Norms of its weights and of an update; empty where they were not measured.
    """

    params: dict[str, float]
    width: int
    depth: int
    batch: int
    steps: int
    seed: int
    outcome: str
    loss: float | None
    seconds: float = 0.0
    flops: float = 0.0
    why: str | None = None
    curve: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    reports: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    provenance: str | None = None
    norms: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> Size:
        """The rung of the trial."""
        return Size(**{name: getattr(self, name) for name in SIZES})

    @property
    def key(self) -> Key:
        """Identifies the trial, also in another run of the sweep."""
        return trial_key(self.size, self.seed, self.params)


def observation_of(record: Record, lr: float, further: Collection[str] = ()) -> Observation:
    """Convert a trial to an observation for the fit.

    Args:
        record: The trial; it must not have failed, as that says nothing about the loss.
        lr: The recipe's learning rate, used if the search does not vary it.
        further: Names of the sizes along further axes that the model has.
    """
    return Observation(
        width=record.width,
        depth=record.depth,
        batch=record.batch,
        steps=record.steps,
        further_sizes={name: getattr(record, name) for name in further},
        lr=record.params.get("lr", lr),
        seed=record.seed,
        loss=record.loss,
        params={name: value for name, value in record.params.items() if name != "lr"},
        pruned=record.outcome == "pruned",
    )


def describe(record: Record) -> str:
    """One line about a trial, for the progress display and the log."""
    setting = " ".join(f"{name}={value:.4g}" for name, value in record.params.items())
    if record.loss is not None:
        end = f"loss {record.loss:.4f}"
    else:
        end = f"{record.outcome}: {record.why}"
    return f"width {record.width} seed {record.seed} {setting}: {end} ({record.seconds:.1f} s)"
