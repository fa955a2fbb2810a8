"""Applies a fit to the target: hyperparameters, predicted optimum, provenance and notes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from mutransfer_cli.documents.fit import FitDocument, Rung, SourceRung
from mutransfer_cli.documents.scale import Prediction, Provenance
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.fit_file import extrapolate, read_fit
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.recipe.load import key_path, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.storage.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FittedOptima:
    """The optima of a fit, and the run that was fitted.

    Attributes:
        fit: The document of `fit`.
        source: The rung whose optimum is used.
        run: The run, if the source is a run directory.
    """

    fit: FitDocument
    source: SourceRung
    run: Run | None

    @classmethod
    def read(cls, run: Run | None, path: Path | None) -> FittedOptima:
        """Read the optima from the file of a fit, or else from a run.

        Raises:
            InputError: The file is not a fit, or the run's trials cannot be fitted.
            Inconclusive: No rung has an optimum inside its range.
        """
        if path is not None:
            document = read_fit(path)
        else:
            assert run is not None
            document = fit_run(run).document()
        if document.source_rung is None:
            raise Inconclusive(document.reason)
        if document.source_rung.width is None:
            raise InputError(f"{path}: the fit's models are described by parameters, not by width")
        log.info("optima of width %d, fitted to %s", document.source_rung.width, document.source)
        return cls(document, document.source_rung, run)

    @property
    def rung(self) -> Rung:
        """The rung whose optimum is used, as the fit shows it."""
        rung = self.fit.recommended
        assert rung is not None
        return rung

    def applied_to(self, recipe: Recipe, origins: Mapping[str, str]) -> Recipe:
        """The recipe with the fitted optima, except for values set on the command line.

        Raises:
            InputError: The recipe has no such hyperparameter, or refuses the value.
        """
        return override(
            recipe,
            {
                key_path(name): value
                for name, value in self.fit.hyperparameters.items()
                if origins.get(key_path(name)) != "command line"
            },
        )

    def override_notes(self, origins: Mapping[str, str]) -> list[str]:
        """A note for each optimum that the command line overrides."""
        return [
            f"{name} comes from --set; the fitted optimum {value:.4g} is not used"
            for name, value in self.fit.hyperparameters.items()
            if origins.get(key_path(name)) == "command line"
        ]

    def predicted(self, width: int) -> Prediction:
        """The optimum extrapolated along the measured drift, next to the one that is used."""
        largest = max(rung.width for rung in self.fit.rungs if rung.width is not None)
        lr = extrapolate(self.fit, width)
        note = None if lr else "the drift could not be measured"
        return Prediction(lr=lr, distance=max(0.0, log2(width / largest)), note=note)

    def provenance(self) -> Provenance:
        """The fitted optima with their intervals, and the provenance of the run."""
        values: dict[str, Any] = {
            "run": str(self.run.path if self.run is not None else self.fit.source),
            "width": self.source.width,
            "confidence": self.fit.confidence,
            "optima": self.rung.optimum or {},
        }
        if self.run is not None:
            values |= run_provenance(self.run)
        return Provenance.model_validate(values)

    def notes(self, width: int) -> list[str]:
        """Sentences for the reader of the configuration."""
        rung = self.rung
        lr = rung.optimum["lr"] if rung.optimum else None
        notes = [f"transfer: {self.fit.verdict}: {self.fit.reason}"]
        notes += [note for note in self.fit.notes if note != self.fit.reason]
        if lr is not None:
            interval = f" ({lr.low:.4g} to {lr.high:.4g})" if lr.low and lr.high else ""
            notes.append(
                f"lr {lr.value:.4g}{interval} at the base is the optimum of width {rung.width}"
            )
        prediction = self.predicted(width)
        if prediction.lr is not None:
            notes.append(
                f"corrected for the measured drift it would be {prediction.lr.value:.4g} "
                f"at width {width}"
            )
        return notes


def run_provenance(run: Run) -> dict[str, Any]:
    """Fields of a Provenance: cost of the trials, versions, device, seed and digests."""
    environment, records = run.environment, run.records
    versions = {name: environment.get(name) for name in ("mutransfer", "python")}
    versions |= environment.get("versions", {})
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
