"""Waves of a sweep with pruning: nothing near an optimum is pruned."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import exp, log2
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage

import optuna
import pytest
from optuna.trial import TrialState

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.fit.study_fit import fit
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe, load, loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.problem import pruning_of, search_problem
from mutransfer_cli.search.pruning import rate_line
from mutransfer_cli.search.pruning.waves import Waves
from mutransfer_cli.search.record import Record, observation_of
from mutransfer_cli.search.samplers.protocol import make_sampler
from mutransfer_cli.search.storage.location import DATABASE
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.cost import training_flops
from tests.helpers.sweeps import PRUNED_RECIPE

SIZE = Size(32, 2, 16, 200)
Table = Callable[[Job], Record]


def recipe(search: str, steps: int = 200, more: str = "") -> Recipe:
    return loads(
        "name: p\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 16, d_out: 5}\n"
        f"base: {{width: 32, depth: 2, batch: 16, steps: {steps}}}\nladder: {{width: [32, 64]}}\n"
        f"search: {{{search}}}\n{more}"
    ).recipe


def landscape(best: float, seed: int, noise: float = 0.02, cliff: float = 3.5) -> Table:
    """Curves of losses: low rates are slow, high ones noisy until the rate has decayed."""

    def trial(job: Job) -> Record:
        x = log2(job.params["lr"]) - best - 0.2 * log2(job.size.width / 32)
        batches = Random(repr((job.seed, seed)))  # the same for all rates
        own = Random(repr((job.params, job.size.width, job.seed, seed)))
        curve, s = [], job.size
        for step in range(s.steps):
            t = (step + 1) / s.steps
            slow = 3 * exp(-t * 8 * 2.0**x)
            high = 0.1 * max(0.0, x + 1) ** 2 * (1 - 0.7 * t)
            value = 1 + slow + high + 0.1 * batches.random() + noise * own.random()
            curve.append((step, value))
        loss = curve[-1][1] + 0.03 * x * x
        outcome = "finished" if x < cliff else "diverged"
        return Record(
            job.params, s.width, s.depth, s.batch, s.steps, job.seed, outcome,
            loss if x < cliff else None, curve=tuple(curve), flops=1.0,
        )  # fmt: skip

    return trial


def judged(job: Job, whole: Record) -> Record:
    """What becomes of a trial under its pruner."""
    losses = [loss for _, loss in whole.curve]
    for step in job.pruner.steps if job.pruner else ():
        why = job.pruner(losses[:step])  # type: ignore[misc]
        if why is not None:
            return replace(
                whole, outcome="pruned", loss=None, why=why, flops=step / whole.steps,
                curve=whole.curve[:step], reports=((step, losses[step - 1]),),
            )  # fmt: skip
    return whole


def waves_of(made: Recipe) -> Waves:
    problem = search_problem(made, 0)
    lines = SAMPLERS[problem.search.sampler].proposes_lines
    return Waves(make_sampler(problem), pruning_of(made), lines)


def swept(made: Recipe, table: Table, lost: Random | None = None) -> list[Record]:
    """All waves; lost: a part of every wave is stored, in any order, and the sweep starts again."""
    records: list[Record] = []
    going = waves_of(made)
    while jobs := going.open(records):
        if lost is not None:
            jobs = lost.sample(jobs, max(1, len(jobs) // 2))
            going = waves_of(made)
        whole = made.search.prune == "none"
        records += [table(job) if whole else judged(job, table(job)) for job in jobs]
        assert len(records) < 500
    return records


def alike(a: FitDocument, b: FitDocument) -> bool:
    """Whether two fits have the same optima, to a tenth of their intervals.

    They are not equal to the last digit: the surface sees the rates far from the optimum as well.
    """
    for one, other in zip(a.rungs, b.rungs, strict=True):
        if (one.optimum is None) != (other.optimum is None):
            return False
        if one.optimum is None or other.optimum is None:
            continue
        x, y = one.optimum["lr"], other.optimum["lr"]
        if x.low is None or x.high is None:
            return y.low is None
        if abs(log2(x.value / y.value)) > 0.1 * log2(x.high / x.low):
            return False
    return True


WIDE = "space: {lr: {log2: [-12, -3]}}, seeds: 2"


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_optima_and_intervals_are_those_of_a_whole_sweep(pruner: str) -> None:
    spent, some = 0.0, 0
    for seed in range(6):
        table = landscape(-9.5 + seed, seed)
        whole = swept(recipe(f"prune: none, {WIDE}"), table)
        pruned = swept(recipe(f"prune: {pruner}, {WIDE}"), table)
        assert {r.key for r in pruned} == {r.key for r in whole}
        a, b = (fit([observation_of(r, 0.1) for r in rs]) for rs in (whole, pruned))
        assert alike(a, b)
        for record in pruned:
            if record.outcome == "pruned":
                (rung,) = (r for r in a.rungs if r.width == record.width)
                assert rung.optimum is not None
                assert abs(log2(record.params["lr"] / rung.optimum["lr"].value)) > 2
        spent += sum(r.flops for r in pruned) / len(whole)
        some += sum(r.outcome == "pruned" for r in pruned)
    assert some > 6 * 4 and spent / 6 < 0.85


def test_without_its_guard_it_would_prune_what_the_fit_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the test above: without the guard some answers change."""
    monkeypatch.setattr(rate_line, "in_reach", lambda x, best, rates, more=0: x == best)
    changed = 0
    for seed in range(6):
        table = landscape(-9.5 + seed, seed)
        found = []
        for pruner in ("none", "median"):
            records = swept(recipe(f"prune: {pruner}, {WIDE}"), table)
            found.append(fit([observation_of(r, 0.1) for r in records]))
        changed += not alike(*found)
    assert changed


@pytest.mark.parametrize(
    "search",
    [
        f"prune: halving, {WIDE}",
        "prune: median, sampler: tpe, seeds: 1, budget: {trials: 24}, "
        "space: {lr: {log2: [-15, 3]}}",
        "prune: median, sampler: adaptive, seeds: 1, space: {lr: {log2: [-15, 3]}}",
        "prune: halving, sampler: independent, seeds: 1, space: {lr: {log2: [-12, -3]}, "
        "logit_multiplier: {choice: [0.25, 1, 4]}}",
    ],
)
def test_an_interrupted_sweep_prunes_the_same_trials(search: str) -> None:
    made = recipe(search)
    whole = {r.key: r for r in swept(made, landscape(-7, 3))}
    again = {r.key: r for r in swept(made, landscape(-7, 3), lost=Random(5))}
    assert again == whole


@pytest.mark.parametrize(("sampler", "trials"), [("sobol", 40), ("tpe", 40), ("gp", 20)])
def test_samplers_are_told_what_was_pruned(sampler: str, trials: int) -> None:
    made = recipe(
        f"prune: median, sampler: {sampler}, seeds: 1, budget: {{trials: {trials}}}, "
        "space: {lr: {log2: [-16, -4]}}"
    )
    records = swept(made, landscape(-7, 1))
    found = Counter(r.outcome for r in records)
    assert found.total() == trials and found["pruned"] >= 1
    best = min((r for r in records if r.loss is not None), key=lambda r: r.loss or 9.0)
    assert abs(log2(best.params["lr"]) + 7) < 2.5


def test_other_hyperparameters_have_lines_of_their_own() -> None:
    """A worse setting of the rest keeps the window of its own best."""
    made = recipe(f"prune: halving, {WIDE[:-11]}, logit_multiplier: {{choice: [1, 4]}}}}, seeds: 1")
    near, far = landscape(-9, 1), landscape(-6, 1)

    def table(job: Job) -> Record:
        return (near if job.params["logit_multiplier"] == 1 else far)(job)

    records = swept(made, table)
    for multiplier, best in ((1, -9), (4, -6)):
        line = [r for r in records if r.params["logit_multiplier"] == multiplier]
        lost = [log2(r.params["lr"]) for r in line if r.outcome == "pruned"]
        assert lost and all(abs(x - best) > 2 for x in lost)


def test_a_judge_is_small_and_travels() -> None:
    made = recipe(f"prune: halving, {WIDE}", steps=2000)
    table = landscape(-7, 1)
    records: list[Record] = []
    going = waves_of(made)
    jobs = going.open(records)
    while not any(job.pruner for job in jobs):
        records += [judged(job, table(job)) for job in jobs]
        jobs = going.open(records)
    job = next(job for job in jobs if job.pruner)
    sent = pickle.dumps(job)
    assert len(sent) < 8000
    assert pickle.loads(sent).pruner == job.pruner
    assert job.key in {j.key for j in missing([replace(job, pruner=None)], [])}


def real(**changes: str) -> LoadedRecipe:
    text = PRUNED_RECIPE
    for old, new in changes.items():
        text = text.replace(old, new)
    return loads(text)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("pruned") / "run"
    sweep(real(), run, device="cpu", workers=1, engine="one-by-one")
    return run


def ended(run: Path) -> dict[object, tuple[object, ...]]:
    return {
        r.key: (r.outcome, r.loss, r.flops, r.reports, r.curve, r.why)
        for r in Run.open(run).records
    }


def test_pruned_trials_in_the_run_directory(done: Path) -> None:
    records = Run.open(done).records
    pruned = [r for r in records if r.outcome == "pruned"]
    assert len(records) == 13 * 2 * 2 and len(pruned) >= 8
    cost = {
        w: training_flops(ProxyFactory(real().recipe), Size(w, 1, 64, 80)).value for w in (16, 32)
    }
    for r in records:
        trained = len(r.curve)
        assert r.flops == pytest.approx(cost[r.width] * trained / 80)
        assert r.loss is None if r.outcome == "pruned" else trained == 80
        assert r.reports[-1][0] == (trained if r.outcome == "pruned" else 40)
    study = optuna.load_study(study_name="real", storage=f"sqlite:///{done / DATABASE}")
    states = Counter(t.state for t in study.trials)
    assert states[TrialState.PRUNED] == len(pruned)
    assert all(
        t.intermediate_values and t.value is None for t in study.trials if t.state.name == "PRUNED"
    )
    again = sweep(real(), done, device="cpu", workers=1)
    assert again.trials_per_second is None  # nothing was trained again
    assert again.trials.asked == 52 and again.trials.pruned == len(pruned)
    assert again.flops == pytest.approx(sum(r.flops for r in records if r.outcome != "diverged"))


def test_the_answer_is_that_of_a_whole_sweep(done: Path, tmp_path: Path) -> None:
    sweep(real(halving="none"), tmp_path, device="cpu", workers=1, engine="one-by-one")
    whole, pruned = ({r.key: r for r in Run.open(run).records} for run in (tmp_path, done))
    assert {k for k, r in whole.items() if r.outcome == "diverged"} == {
        k for k, r in pruned.items() if r.outcome == "diverged"
    }
    for key, record in pruned.items():
        if record.outcome == "finished":
            assert record.loss == whole[key].loss
    a, b = (fit(Run.open(run).observations) for run in (tmp_path, done))
    assert alike(a, b)


def test_interrupted_and_shared_it_comes_out_the_same(done: Path, tmp_path: Path) -> None:
    """Stopped twice in the middle; then with claims in a shared storage, and two workers."""

    class Enough(Exception):
        pass

    rest = [7, 15]

    def impatient(event: object) -> None:
        if event.text and rest:  # type: ignore[attr-defined]
            rest[0] -= 1
            if rest[0] == 0:
                rest.pop(0)
                raise Enough

    options = {"device": "cpu", "engine": "one-by-one"}
    run = tmp_path / "interrupted"
    while rest:
        with pytest.raises(Enough):
            sweep(real(), run, workers=1, on_progress=impatient, **options)  # type: ignore[arg-type]
    sweep(real(), run, workers=2, **options)  # type: ignore[arg-type]
    assert ended(run) == ended(done)
    shared = tmp_path / "shared"
    storage = f"sqlite:///{tmp_path / 'shared.db'}"
    sweep(real(), shared, workers=2, storage=storage, **options)  # type: ignore[arg-type]
    assert ended(shared) == ended(done)


def test_populations_prune_the_same_trials_at_the_same_steps(done: Path, tmp_path: Path) -> None:
    document = sweep(real(), tmp_path, device="cpu", workers=1, engine="population:8")
    assert document.population.batched
    alone, together = ({r.key: r for r in Run.open(run).records} for run in (done, tmp_path))
    assert {k: (r.outcome, len(r.curve)) for k, r in alone.items()} == {
        k: (r.outcome, len(r.curve)) for k, r in together.items()
    }


RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_has_the_same_optimum_with_and_without_pruning(
    path: Path, tmp_path: Path
) -> None:
    """Both pruners; prints what they saved."""
    corpus = tmp_path / "corpus.txt"
    sources = sorted((RECIPES.parent / "mutransfer_cli").rglob("*.py"))
    corpus.write_text("".join(p.read_text(encoding="utf-8") for p in sources))
    sets = [f"data.path={corpus}"] if path.stem == "gpt-text" else []
    found = {}
    for pruner in ("none", "halving", "median"):
        loaded = load(path, (*sets, f"search.prune={pruner}"))
        before = getrusage(RUSAGE_CHILDREN).ru_utime
        document = sweep(loaded, tmp_path / pruner, device="cpu", engine="one-by-one")
        spent = getrusage(RUSAGE_CHILDREN).ru_utime - before
        found[pruner] = document, spent, fit(Run.open(tmp_path / pruner).observations)
    whole, seconds, expected = found["none"]
    for pruner in ("halving", "median"):
        document, spent, got = found[pruner]
        print(
            f"{path.stem}, {pruner}: {document.trials.pruned} of {document.trials.asked} pruned, "
            f"FLOPs {document.flops / whole.flops:.2f}, CPU time {spent:.0f} s of {seconds:.0f}"
        )
        assert document.trials.asked == whole.trials.asked
        for a, b in zip(expected.rungs, got.rungs, strict=True):
            assert (a.optimum is None) == (b.optimum is None), (a.note, b.note)
            if a.optimum and b.optimum:
                one, other = a.optimum["lr"], b.optimum["lr"]
                assert one.low is not None and one.high is not None
                assert one.low <= other.value <= one.high
