"""What a run's fit says of the target: hyperparameters, the predicted optimum, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log2
from pathlib import Path
from typing import Any

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.scale import Prediction, Provenance
from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.fit.fit_file import extrapolate, read_fit
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.load import key_path, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.storage.record import Record
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.storage.run_directory import RECIPE


@dataclass(frozen=True, slots=True)
class FittedOptima:
    """A fit, and the run directory that it is of where there is one."""

    fitted: FitDocument
    run: Run | None

    @classmethod
    def read(cls, run: Path | None, fit: Path | None) -> FittedOptima:
        """From a fit's file, else from a run directory. Raises InputError for an unusable one."""
        opened = Run.open(run) if run is not None else None
        if fit is not None:
            return cls(read_fit(fit), opened)
        assert opened is not None
        return cls(fit_run(opened).document(), opened)

    def put_into(self, recipe: Recipe, origins: Mapping[str, str]) -> Recipe:
        """The recipe with the optima of the largest rung that has one inside its range.

        What the command line sets wins. Raises Inconclusive where no rung has one.
        """
        if self.fitted.source_rung is None:
            raise Inconclusive(self.fitted.reason)
        chosen = {
            key_path(name): value
            for name, value in self.fitted.hyperparameters.items()
            if origins.get(key_path(name)) != "command line"
        }
        return override(recipe, chosen)

    def unused(self, origins: Mapping[str, str]) -> list[str]:
        """A note for each optimum that the command line overrules."""
        return [
            f"{name} is the one of --set; the fitted optimum {value:.4g} is not used"
            for name, value in self.fitted.hyperparameters.items()
            if origins.get(key_path(name)) == "command line"
        ]

    def predicted(self, width: int) -> Prediction:
        """The optimum extrapolated along the measured drift, beside the one that is used."""
        largest = max(rung.width for rung in self.fitted.rungs)
        estimate = extrapolate(self.fitted, width)
        lr = (
            Interval(value=estimate.value, low=estimate.low, high=estimate.high)
            if estimate
            else None
        )
        note = None if lr else "the drift could not be measured"
        return Prediction(lr=lr, distance=max(0.0, log2(width / largest)), note=note)

    def provenance(self) -> Provenance:
        """Fitted optima with their intervals, cost of the proxies, versions, digests."""
        source = self.fitted.source_rung
        assert source is not None
        best = next(r for r in self.fitted.rungs if r.width == source.width)
        optima = {
            name: Interval(value=e.value, low=e.low, high=e.high)
            for name, e in (best.optimum or {}).items()
        }
        found: dict[str, Any] = {
            "run": str(self.run.path if self.run is not None else self.fitted.source),
            "width": source.width,
            "confidence": self.fitted.confidence,
            "optima": optima,
        }
        if self.run is not None:
            made, records = self.run.environment, self.run.records
            versions = {"mutransfer": made.get("mutransfer"), "python": made.get("python")}
            versions |= made.get("versions", {})
            found |= {
                "trials": len(records),
                "flops": sum(r.flops for r in records),
                "seconds": sum(r.seconds for r in records),
                "versions": {k: str(v) for k, v in versions.items() if v is not None},
                "device": made.get("device"),
                "seed": made.get("seed"),
                "digest": digest_of(self.run.path, records),
                "data_digest": made.get("data_digest"),
                "git_revision": made.get("git_revision"),
            }
        return Provenance.model_validate(found)

    def notes(self, width: int) -> list[str]:
        """Sentences for the reader of the configuration."""
        source = self.fitted.source_rung
        assert source is not None
        best = next(r for r in self.fitted.rungs if r.width == source.width)
        lr = best.optimum["lr"] if best.optimum else None
        notes = [f"transfer: {self.fitted.verdict}: {self.fitted.reason}"]
        notes += [note for note in self.fitted.notes if note != self.fitted.reason]
        if lr is not None and lr.value is not None:
            spread = f" ({lr.low:.4g} to {lr.high:.4g})" if lr.low and lr.high else ""
            notes.append(
                f"lr {lr.value:.4g}{spread} at the base is the optimum of width {best.width}"
            )
        prediction = self.predicted(width)
        if prediction.lr is not None:
            notes.append(
                f"corrected for the measured drift it would be {prediction.lr.value:.4g} "
                f"at width {width}"
            )
        return notes


def digest_of(run: Path, records: Sequence[Record]) -> str:
    """Of the recipe and of what came of its trials, in whatever order they ended."""
    lines = sorted(f"{r.key} {r.outcome} {r.loss!r}" for r in records)
    text = (run / RECIPE).read_bytes() + "\n".join(lines).encode()
    return sha256(text).hexdigest()
