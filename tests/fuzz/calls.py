"""The calls that read a file; each looks at everything that commands take from it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from mutransfer_cli.errors import Inconclusive, InputError
from tests.helpers.run_directories import RECIPE

RUNS_AT_TARGET = """width,lr,seed,loss
64,1.0,0,1.1
64,1.0,1,1.2
64,0.25,0,1.3
64,0.25,1,nan
32,1.0,0,1.5
"""


def recipe(path: Path) -> object:
    """A recipe, with what every command asks of it first."""
    from mutransfer_cli.recipe.freeze import frozen_yaml
    from mutransfer_cli.recipe.load import load, loads, override
    from mutransfer_cli.recipe.size import rungs, target_size
    from mutransfer_cli.search.problem import search_problem
    from mutransfer_cli.search.samplers.protocol import make_sampler

    # the file's own first values, as if they came from the command line
    words = path.read_bytes()[:400].decode("utf-8", "replace").split()
    for setting in ("optimizer.lr=" + (words[-1] if words else ""), "search.seeds=3", "lr"):
        with suppress(InputError):
            load(path, [setting])
    loads(path.read_bytes().decode("utf-8", "replace").replace("\0", ""), sets=["optimizer.lr=0.5"])
    loaded = load(path).recipe
    with suppress(InputError):
        override(loaded, {"search.seeds": loaded.search.seeds + 10**8})
    frozen_yaml(loaded)
    target_size(loaded)
    rungs(loaded)
    make_sampler(search_problem(loaded, 0)).count_trials()
    return loaded


def run_recipe(path: Path) -> object:
    """A run directory, with all that commands ask of it, and with a sweep that goes on."""
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.search.storage.run import Run
    from mutransfer_cli.search.storage.run_directory import (
        choose_location,
        prepare,
        update_environment,
        write_curves,
    )

    folder = path.parent
    run = Run.open(folder)
    choose_location(folder, None)
    seen = (run.seed, run.started, run.digest, run.observations, run.provenances, run.curves)
    write_curves(folder, run.records)
    _without_environment(folder)
    try:
        choose_location(folder, f"journal:{folder / 'other.log'}")
    except InputError as error:
        assert "stored in" in str(error)
    stored = run.environment.get("storage")
    environment = {"seed": 0, "storage": stored, "started": "2026-01-01T00:00:00+00:00"}
    try:
        prepare(folder, loads(RECIPE).recipe, environment)
    finally:
        update_environment(folder, environment)
    return seen


def _without_environment(folder: Path) -> None:
    """A run of which the environment was deleted: as it is read, and as a sweep goes on."""
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.search.storage.run import Run
    from mutransfer_cli.search.storage.run_directory import choose_location, prepare

    environment = folder / "environment.json"
    content = environment.read_bytes()
    environment.unlink()
    try:
        run = Run.open(folder)
        assert run.seed == 0 and run.environment == {}
        started, _ = run.started, choose_location(folder, None)
        assert started is None or started.tzinfo is not None
        new = {"seed": 0, "storage": None, "started": "2026-01-01T00:00:00+00:00"}
        prepare(folder, loads(RECIPE).recipe, new)
    finally:
        environment.write_bytes(content)


def table(path: Path) -> object:
    """A table of runs."""
    from mutransfer_cli.fit.tables.table_runs import read_runs

    for columns, where in ((["width=params"], ["lr>0"]), (["lr=lr,loss=loss"], ["seed=0"])):
        with suppress(InputError):
            read_runs(str(path), columns=columns, where=where, lr_is="raw")
    with suppress(InputError):
        read_runs(str(path), lr_is="raw", base_width=8)
    return read_runs(str(path))


def law_table(path: Path) -> object:
    """A table of runs as `law` reads it."""
    from mutransfer_cli.fit.law.run_columns import read_columns

    for columns in (["params=width"], ["loss=loss", "tokens=steps"]):
        with suppress(InputError):
            read_columns(str(path), ["loss"], columns=columns, where=["loss<100"])
    return read_columns(str(path))


def _settings(path: Path) -> object:
    from mutransfer_cli.data.protocol import DataSettings

    return DataSettings(path=path, seq_len=8, vocab_size=50_000)


def tensors(path: Path) -> object:
    """A table of inputs with classes."""
    from mutransfer_cli.data.tensors import open_tensors

    opened = open_tensors(_settings(path))  # type: ignore[arg-type]  # settings
    return opened.d_in, opened.d_out, opened.batch(0, 0, 4), opened.validation(4)


def tokens(path: Path) -> object:
    """Token ids."""
    from mutransfer_cli.data.tokens import open_tokens

    opened = open_tokens(_settings(path))  # type: ignore[arg-type]  # settings
    return opened.batch(0, 0, 4), opened.validation(4)


def text(path: Path) -> object:
    """Bytes of a text."""
    from mutransfer_cli.data.text import open_text

    opened = open_text(_settings(path))  # type: ignore[arg-type]  # settings
    return opened.batch(0, 0, 4), opened.validation(4)


def remember_versions() -> None:
    """Let Optuna import its eleven migrations once, not for each database."""
    from optuna.storages._rdb import storage

    newest = storage._VersionManager.get_head_version
    known: list[str] = []

    def remembered(manager: object) -> str:
        if not known:
            known.append(str(newest(manager)))
        return known[0]

    storage._VersionManager.get_head_version = remembered


def _study(address: str, path: Path) -> object:
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.search.storage.location import parse_location
    from mutransfer_cli.search.storage.study import Study

    own = loads(RECIPE).recipe
    study = Study.open(parse_location(address, path.parent), own, create=True)
    study.require_same(own, seed=0)
    return study.records()


def journal(path: Path) -> object:
    """A study in a journal."""
    return _study(f"journal:{path}", path)


def database(path: Path) -> object:
    """A study in SQLite."""
    return _study(f"sqlite:///{path}", path)


def checkpoint(path: Path) -> object:
    """A checkpoint; a damaged one counts as missing."""
    from mutransfer_cli.train.checkpoint.file import read, read_header, set_random_state, tree_of

    read_header(path)
    content = read(path)
    if content is None:
        return None
    tree = tree_of(content)
    if tree is not None:
        set_random_state(tree["random"])
    return tree


def fit(path: Path) -> object:
    """A fit, as `scale --fit` uses it."""
    from mutransfer_cli.documents.base import as_json
    from mutransfer_cli.emit.fitted_optima import FittedOptima
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.recipe.size import Size

    own = loads(RECIPE).recipe
    optima = FittedOptima.read(None, path, Size(64, 2, 16, 40))
    optima.applied_to(own, {})
    for part in (optima.predicted(), optima.provenance(), *optima.deviations()):
        as_json(part)
    as_json(optima.fit)
    return optima.notes(), optima.override_notes({})


def environment(path: Path) -> object:
    """The environment of a run, as `scale` shows it, and all that the run holds."""
    from mutransfer_cli.documents.scale import Provenance
    from mutransfer_cli.emit.fitted_optima import run_provenance
    from mutransfer_cli.search.storage.run import Run

    run = Run.open(path.parent)
    values = {"run": "x", "width": 1, "confidence": 0.9, "optima": {}, **run_provenance(run)}
    return Provenance.model_validate(values), run_recipe(path.with_name("recipe.yaml"))


def engine(path: Path) -> object:
    """Choices of the engine."""
    from mutransfer_cli.search.grouping.engine_file import read_choices, write_choices

    write_choices(path.with_name("again.json"), read_choices(path, "cpu"), "cpu")
    return None


def plan(path: Path) -> object:
    """A plan, compared with itself and written again."""
    from mutransfer_cli.documents.base import as_json
    from mutransfer_cli.plans.base_shapes import base_shapes as shapes_of
    from mutransfer_cli.plans.base_shapes import base_shapes_text
    from mutransfer_cli.plans.diff import plan_differences
    from mutransfer_cli.plans.loading import load_plan
    from mutransfer_cli.plans.serialization import read_document

    as_json(read_document(path))
    loaded = load_plan(path)
    base_shapes_text(shapes_of(loaded))
    return plan_differences(loaded, loaded)


def base_shapes(path: Path) -> object:
    """Base shapes, compared with others."""
    from mutransfer_cli.plans.base_shapes import base_shape_differences, read_base_shapes

    return base_shape_differences({"a.weight": (16, None)}, read_base_shapes(path))


def forecast(path: Path) -> object:
    """A sealed forecast, scored, sealed again and kept."""
    from mutransfer_cli.documents.base import as_json
    from mutransfer_cli.fit.forecast.forecasting import score_forecast
    from mutransfer_cli.fit.forecast.ladder_runs import TableOptions
    from mutransfer_cli.fit.forecast.seal import keep, read_forecast, sealed

    forecast = read_forecast(path)
    assert forecast.runs is not None
    again = sealed(forecast, forecast.runs)
    read_forecast(keep(again, path.with_name("again.csv")))
    table = TableOptions()
    for started in (None, "2099-01-01T00:00"):
        as_json(score_forecast(path, None, loss=1.0, started=started, table=table))
    runs = path.with_name("target.csv")
    runs.write_text(RUNS_AT_TARGET)
    with suppress(InputError, Inconclusive):
        as_json(score_forecast(path, str(runs), table=table))
    return as_json(forecast)


def kept_forecast(path: Path) -> object:
    """The copy of a forecast that is kept with its runs."""
    from mutransfer_cli.fit.forecast.seal import SHORT, kept_folder, read_forecast, write_forecast
    from tests.fuzz.seeds import sealed_for

    runs, own = path.with_name("runs.csv"), path.with_name("own.json")
    forecast = sealed_for(str(runs))
    assert forecast.digest is not None
    write_forecast(forecast, own)
    copy = kept_folder(runs) / f"{forecast.digest[:SHORT]}.json"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(path.read_bytes())
    return read_forecast(own)


def curves(path: Path) -> object:
    """The curves of a run."""
    from mutransfer_cli.search.storage.run import Run

    run = Run.open(path.parent)
    return {name: float(c[1].sum()) for name, c in run.curves.items()}, run.seed, run.location


def baseline(path: Path) -> object:
    """A baseline, applied to a check, written again and read again."""
    from mutransfer_cli.coordcheck.report.baseline import accept, read_baseline, write_baseline
    from mutransfer_cli.documents.base import as_json
    from tests.fuzz.seeds import failed_check

    known, document = read_baseline(path), failed_check()
    seen = [as_json(accept(document, known, strict)) for strict in (False, True)]
    again = path.with_name("again.json")
    write_baseline(document, again)
    return seen, accept(document, read_baseline(again))


def config(path: Path) -> object:
    """A config of a Hugging Face model, scaled."""
    from mutransfer_cli.models.huggingface.scaled_config import config_at
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.recipe.size import Size

    text = RECIPE.replace("{build: mlp}", f"{{build: 'hf:{path}'}}")
    text = text.replace("{source: teacher, d_in: 8, d_out: 3}", "{source: stdlib, seq_len: 8}")
    return config_at(loads(text).recipe, Size(128, 2, 4, 10)).to_dict()


def loss_file(path: Path) -> object:
    """The loss of a user's program."""
    from mutransfer_cli.recipe.schema.train import Loss
    from mutransfer_cli.train.command.program_output import NoLoss, read_loss

    found = []
    for key in ("eval.loss", "history"):
        trial = SimpleNamespace(
            program=SimpleNamespace(loss=Loss(file="loss.json", key=key)), loss_file=path
        )
        with suppress(NoLoss):
            found.append(read_loss(trial, None))  # type: ignore[arg-type]  # what it looks at
    return found
