"""Names the choice of a finished sweep: the same as that of `fit`, `scale` and `summary`."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.documents.sweep import SweepDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.search.storage.run import Run


def with_choice(document: SweepDocument, folder: Path) -> SweepDocument:
    """The document of a sweep whose `best` names the choice of its fit.

    Where no rung has an optimum yet, `best` stays the trial with the lowest loss.

    Args:
        document: What the sweep returned.
        folder: The run directory.
    """
    best = document.best
    if best is None:
        return document
    try:
        study = fit_run(Run.open(folder))
    except InputError:
        return document
    choice, source = study.answers.choice, study.answers.source
    if choice is None or source is None:
        return document
    named = best.model_copy(
        update={
            "width": int(choice.sizes.get("width", best.width)),
            "seed": None,
            "loss": source.loss if study.answers.target is None else None,
            "params": choice.hyperparameters,
            "reason": study.document().choice_reason,
        }
    )
    return document.model_copy(update={"best": named})
