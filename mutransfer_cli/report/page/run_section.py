"""What the page shows of one run or table, gathered before anything is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.plan import TensorDocument
from mutransfer_cli.documents.tensor_groups import LAYER_INDEX, shown_inits
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.study_fit import StudyFit
from mutransfer_cli.fit.table_fit import fit_table
from mutransfer_cli.report.page.evidence.pair_panels import pair_panels
from mutransfer_cli.report.page.fit_panels import fit_panels
from mutransfer_cli.report.page.panels import Panel
from mutransfer_cli.report.page.training_panel import training_panel
from mutransfer_cli.search.storage.run import Run


@dataclass(frozen=True)
class TensorGroup:
    """Tensors with the same numbers, whose names differ in the index of their layer alone.

    Attributes:
        pattern: The name, with `*` for the index.
        count: Number of tensors.
        tensor: One of them.
    """

    pattern: str
    count: int
    tensor: TensorDocument


@dataclass(frozen=True)
class RunSection:
    """One run or table.

    Attributes:
        source: Its path, as it was named.
        fit: The document of its fit.
        panels: Its plots.
        setup: Parameterization, optimizer and model; empty for a table.
        trials: Number of trials by outcome.
        flops: FLOPs of all trials; None for a table.
        seconds: Training time of all trials; None for a table.
        tensors: The target's plan, alike tensors together.
        no_plan: Why there is no plan; None if there is one.
        versions: Versions and device of the sweep.
        recipe: The text of its recipe; None for a table.
    """

    source: str
    fit: FitDocument
    panels: tuple[Panel, ...]
    setup: str
    trials: Mapping[str, int]
    flops: float | None
    seconds: float | None
    tensors: tuple[TensorGroup, ...]
    no_plan: str | None
    versions: Mapping[str, str]
    recipe: str | None


def run_section(source: str, target: Mapping[str, float | None], key: str) -> RunSection:
    """Read and fit a run directory or a table.

    Args:
        source: Its path, or an Optuna storage.
        target: Sizes of the target from the command line; None: the recipe's.
        key: Begins the keys of its panels.

    Raises:
        InputError: It cannot be read or fitted.
    """
    if not Path(source).is_dir():
        study = fit_table(source, target=dict(target))
        return table_section(source, study, key)
    run = Run.open(Path(source))
    study = fit_run(run, target=dict(target))
    document = study.document()
    tensors, no_plan = planned_tensors(run, document)
    recipe = run.recipe
    panels = (
        *all_fit_panels(study, document, key),
        training_panel(run, tuple(study.answers.axes), key),
    )
    return RunSection(
        source,
        document,
        tuple(panel for panel in panels if panel.series),
        f"{recipe.parameterization} with {recipe.optimizer.full_name}, {recipe.model.build}",
        Counter(r.outcome for r in run.records),
        sum(r.flops for r in run.records),
        sum(r.seconds for r in run.records),
        tensors,
        no_plan,
        versions_of(run),
        (run.path / "recipe.yaml").read_text(encoding="utf-8"),
    )


def all_fit_panels(study: StudyFit, document: FitDocument, key: str) -> list[Panel]:
    """The plots of a fit, those of entangled pairs last.

    Args:
        study: The fit.
        document: Its document.
        key: Begins the key of every panel.
    """
    panels = fit_panels(study, document, key)
    if study.surface is not None and document.decision is not None:
        panels += pair_panels(study, study.surface, document, key)
    return panels


def table_section(source: str, study: StudyFit, key: str) -> RunSection:
    """What the page shows of a table."""
    document = study.document()
    outcomes = Counter("diverged" if o.loss is None else "finished" for o in study.observations)
    return RunSection(
        source,
        document,
        tuple(all_fit_panels(study, document, key)),
        "",
        outcomes,
        None,
        None,
        (),
        "a table of runs has no model to plan; `mutransfer scale RECIPE --fit FIT` writes one",
        {},
        None,
    )


def versions_of(run: Run) -> dict[str, str]:
    """Versions, device and seed of the sweep."""
    environment = run.environment
    versions = dict(environment.get("versions") or {})
    named = ("device", "seed", "started", "git_revision")
    return {str(k): str(v) for k, v in versions.items()} | {
        name: str(environment[name]) for name in named if environment.get(name) is not None
    }


def planned_tensors(run: Run, document: FitDocument) -> tuple[tuple[TensorGroup, ...], str | None]:
    """The target's plan with the fitted choice, or why there is none."""
    target = document.target
    if target is None or target.width is None:
        return (), "no target is named; give --width, or target.width in the recipe"
    try:
        plan = scale(
            run,
            width=target.width,
            depth=target.depth,
            batch=target.batch,
            steps=target.steps,
            fit=document,
        ).document
    except (InputError, Inconclusive) as error:
        return (), str(error)
    groups: dict[tuple[object, ...], list[TensorDocument]] = {}
    inits = shown_inits(plan.tensors)
    for tensor in plan.tensors:
        numbers = (tensor.lr, tensor.weight_decay, tensor.eps, tensor.multiplier)
        shown = inits[tensor.name]
        std = None if shown is None else f"{shown:.4g}"
        pattern = LAYER_INDEX.sub("*", tensor.name)
        groups.setdefault((pattern, tensor.role, *numbers, std), []).append(tensor)
    return (
        tuple(
            TensorGroup(
                str(key[0]), len(of), of[0].model_copy(update={"init_std": inits[of[0].name]})
            )
            for key, of in groups.items()
        ),
        None,
    )
