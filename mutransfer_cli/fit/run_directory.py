"""The fit of a run directory."""

from __future__ import annotations

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.fit.axes import fit
from mutransfer_cli.fit.completeness import told_of, unfinished
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.search.storage.run import Run


def fit_of_run(run: Run, *, confidence: float = 0.95) -> FitDocument:
    """Fit a run; says so where its sweep is not whole."""
    base = base_size(run.recipe)
    found = fit(run.observations, confidence=confidence, source=str(run.path), base=base)
    return told_of(found, unfinished(run))
