"""Applies the choice of a fit to the target: hyperparameters, interval, provenance and notes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.scale import Deviation, Prediction, Provenance
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.fit_file import read_fit
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.load import key_path, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.storage.run import Run

log = logging.getLogger(__name__)

BATCH = "batch"  # a hyperparameter where a table searched it on every rung
SAME_BATCH = 0.05  # relative difference of batches that are taken as one


@dataclass(frozen=True, slots=True)
class FittedOptima:
    """The choice of a fit, and the run that was fitted.

    Attributes:
        fit: The document of `fit`.
        target: Sizes of the configuration's target.
        run: The run, if the source is a run directory; its fit is made for this target.
    """

    fit: FitDocument
    target: Size
    run: Run | None

    @classmethod
    def read(cls, run: Run | None, source: Path | FitDocument | None, target: Size) -> FittedOptima:
        """Read the choice from a fit or its file, or else make it for the target from a run.

        Args:
            run: A run, if there is one.
            source: A fit, its file, or a run directory, if one is given.
            target: Sizes of the configuration's target.

        Raises:
            InputError: The file is not a fit, or the run's trials cannot be fitted.
            Inconclusive: No rung has an optimum inside its range.
        """
        if isinstance(source, Path) and source.is_dir():
            run, source = Run.open(source), None
        if source is not None:
            document = read_fit(source) if isinstance(source, Path) else source
            if not made_for(document, target):
                document = made_anew(document, target) or document
        else:
            assert run is not None
            document = fit_run(run, target=target.as_dict(), judge_target=False).document()
        if document.source_rung is None or not document.hyperparameters:
            raise Inconclusive(document.reason)
        log.info("choice of %s: %s", document.source, document.choice_reason)
        return cls(document, target, run)

    @property
    def made_for_target(self) -> bool:
        """Whether the choice was made for this target."""
        return made_for(self.fit, self.target)

    def applied_to(self, recipe: Recipe, origins: Mapping[str, str]) -> Recipe:
        """The recipe with the choice, except for values set on the command line.

        Raises:
            InputError: The recipe has no such hyperparameter, or refuses the value.
        """
        values = dict(self.fit.hyperparameters)
        self._require_batch(recipe, values.pop(BATCH, None))
        return override(
            recipe,
            {
                key_path(name): value
                for name, value in values.items()
                if origins.get(key_path(name)) != "command line"
            },
        )

    def _require_batch(self, recipe: Recipe, batch: float | None) -> None:
        """Require base and target to have the batch that a table searched beside the learning rate.

        A rule for other batches would scale a rate that is the best at this one already.

        Raises:
            InputError: They have another one.
        """
        own = (recipe.base.batch, self.target.batch)
        if batch is not None and any(abs(size / batch - 1) > SAME_BATCH for size in own):
            said = max(1, round(batch))
            raise InputError(
                f"{self.fit.source}: the fit searched the batch, and its learning rate is the best "
                f"beside batch {batch:.4g}, in the unit of the table; base and target have "
                f"{own[0]} and {own[1]}: pass --set base.batch={said} --batch {said}, or fit again "
                "with --batch N, which takes the batch as a size"
            )

    def override_notes(self, origins: Mapping[str, str]) -> list[str]:
        """A note for each value of the choice that the command line overrides."""
        return [
            f"{name} comes from --set; the fitted optimum {value:.4g} is not used"
            for name, value in self.fit.hyperparameters.items()
            if name != BATCH and origins.get(key_path(name)) == "command line"
        ]

    def predicted(self) -> Prediction:
        """The optimum at the target with its interval."""
        width = self.target.width
        largest = max((r.width for r in self.fit.rungs if r.width is not None), default=width)
        distance = max(0.0, log2(width / largest))
        if self.made_for_target:
            optimum = {
                name: Interval(value=d.value, low=d.low, high=d.high)
                for name, d in self.fit.decided.items()
            }
            known = any(value.low is not None for value in optimum.values())
            note = None if known else "the runs support no interval there"
            return Prediction(
                lr=optimum.get("lr"), optimum=optimum, distance=distance, note=note
            )  # fmt: skip
        note = "the fit was not made for this target, and its runs are not at hand"
        return Prediction(lr=None, distance=distance, note=note)

    def provenance(self) -> Provenance:
        """The choice with its intervals, and the provenance of the run."""
        rung = self.fit.source_rung
        assert rung is not None
        values: dict[str, Any] = {
            "run": str(self.run.path if self.run is not None else self.fit.source),
            "width": rung.width,
            "confidence": self.fit.confidence,
            "optima": {
                name: Interval(value=d.value, low=d.low, high=d.high)
                for name, d in self.fit.decided.items()
            },
            "choice": self.fit.choice_reason,
        }
        if self.run is not None:
            values |= run_provenance(self.run)
        return Provenance.model_validate(values)

    def notes(self) -> list[str]:
        """Sentences for the reader of the configuration: first which values are used, and why."""
        values = ", ".join(
            f"{name} {value:.4g}" for name, value in self.fit.hyperparameters.items()
        )
        notes = [f"{values} at the base: {self.fit.choice_reason}"]
        if not self.made_for_target:
            notes.append(
                "this choice was not made for the target; `mutransfer fit` with the target's "
                "sizes, or `mutransfer scale RUN`, makes one for it"
            )
        notes.append(f"transfer: {self.fit.verdict}: {self.fit.reason}")
        there = self.fit.separate_target
        if there is not None:
            notes.append(f"transfer to the target: {there.verdict}: {there.reason}")
        notes += [note for note in self.fit.notes if note != self.fit.reason]
        return notes

    def deviations(self) -> tuple[Deviation, ...]:
        """A deviation where the optimum does not transfer."""
        if self.fit.verdict != "fails":
            return ()
        return (
            Deviation(
                what="transfer of the optimum",
                wanted="holds",
                got="fails",
                consequence="the values are the choice for this target, and lean on the measured "
                f"drift: {self.fit.reason}"
                if self.made_for_target
                else self.fit.reason,
            ),
        )


def made_for(document: FitDocument, target: Size) -> bool:
    """Whether the choice of a fit was made for a target."""
    made = document.target or document.source_rung
    if made is None:
        return False
    sizes = {name: value for name, value in dict(made).items() if value is not None}
    own = target.as_dict()
    return all(own.get(name, value) == value for name, value in sizes.items())


def made_anew(document: FitDocument, target: Size) -> FitDocument | None:
    """The fit of the same run for another target; None where its run directory is not at hand.

    The choice is the one that `fit` and `predict` make there: no line is continued from the file.

    Args:
        document: A fit that was made for other sizes.
        target: Sizes of the configuration's target.

    Raises:
        InputError: The trials of the run cannot be fitted.
    """
    if not (Path(document.source) / "recipe.yaml").is_file():
        return None
    anew = fit_run(
        Run.open(Path(document.source)),
        confidence=document.confidence,
        tolerance=document.tolerance,
        target=target.as_dict(),
        judge_target=False,
    ).document()
    note = f"the file's fit was made for other sizes; this one is of {document.source} for these"
    return anew.model_copy(update={"notes": (*anew.notes, note)})


def run_provenance(run: Run) -> dict[str, Any]:
    """Fields of a Provenance: cost of the trials, versions, device, seed and digests."""
    environment, records = run.environment, run.records
    versions = {name: environment.get(name) for name in ("mutransfer", "python")}
    versions |= environment.get("versions") or {}
    return {
        "trials": len(records),
        "flops": sum(r.flops for r in records),
        "seconds": sum(r.seconds for r in records),
        "versions": {k: str(v) for k, v in versions.items() if v is not None},
        "device": environment.get("device"),
        "seed": environment.get("seed"),
        "digest": run.digest,
        "data_digest": environment.get("data_digest"),
        "git_revision": environment.get("git_revision"),
    }
