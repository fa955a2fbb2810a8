"""One factory makes all proxies of a recipe: what does not depend on hyperparameters is shared."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.errors import InputError
from mutransfer_cli.models import proxy as module
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.plans import param_groups
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.estimate import dry_run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.trials import small_recipe

SIZE = Size(64, 2, 8, 100)
RECIPE = """
name: planned
model: {build: gpt, args: {head_dim: 16}}
optimizer: {name: adamw, lr: 0.01}
data: {source: stdlib, seq_len: 16}
base: {width: 32, depth: 1, batch: 4, steps: 2}
ladder: {width: [16, 32]}
"""
PLANNED_ONLY = [row.name for row in OPTIMIZERS if row.package]  # without their package


def test_a_trial_builds_its_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = ProxyFactory(small_recipe("mlp"))
    factory.family()
    sizes: list[Size] = []
    build = module.build

    def counting(recipe: object, size: Size, seed: int = 0) -> object:
        sizes.append(size)
        return build(recipe, size, seed)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(module, "build", counting)
    plans = [factory.plan(SIZE, {"lr": lr}) for lr in (0.1, 0.2)]
    assert sizes == [SIZE]  # its shapes, for both
    factory.build(SIZE, 0, plans[0])
    assert sizes == [SIZE, SIZE]


def test_hyperparameters_are_the_setting_s_own() -> None:
    factory = ProxyFactory(small_recipe("mlp"))
    own = factory.with_hyperparameters({"lr": 0.25, "warmup": 0.5})
    assert own.plan(factory.base).tensor("readout.weight").lr == 0.25
    assert own.training.schedule.warmup == 0.5 != factory.training.schedule.warmup
    assert own.source is factory.source
    assert factory.with_hyperparameters({}) is factory


def test_a_factory_travels_to_other_processes() -> None:
    factory = ProxyFactory(small_recipe("mlp"))
    copy = pickle.loads(pickle.dumps(factory))
    assert copy.plan(SIZE) == factory.plan(SIZE)
    assert copy.architecture == factory.architecture


def test_batches_are_set_only_where_the_model_brings_its_own() -> None:
    factory = ProxyFactory(small_recipe("gpt"))
    subject = factory.build(factory.base, 0, factory.plan(factory.base))
    assert subject.loss is not None and subject.batch is None and subject.optimizer is None


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(param_groups, "find_spec", lambda package: None)


@pytest.mark.usefixtures("without_packages")
def test_what_can_only_be_planned_is_refused() -> None:
    factory = ProxyFactory(small_recipe("mlp", "adamw"))
    factory.require_trainable()
    planned = factory.with_hyperparameters({"optimizer.name": "shampoo"})  # type: ignore[dict-item]  # a name
    with pytest.raises(InputError, match="shampoo") as caught:
        planned.require_trainable()
    assert caught.value.path == ("optimizer", "name")


@pytest.mark.usefixtures("without_packages")
@pytest.mark.parametrize("name", PLANNED_ONLY)
def test_optimizers_that_torch_lacks_are_planned_and_not_trained(tmp_path: Path, name: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("adamw", name))
    loaded = load(path)
    plan = ProxyFactory(loaded.recipe).plan(Size(128, 1, 4, 2))
    assert plan.optimizer == name
    for refused in (
        lambda: sweep(loaded, tmp_path / "run"),
        lambda: dry_run(loaded),
        lambda: check_target(str(path)),
    ):
        with pytest.raises(InputError, match=rf"optimizer\.name: {name} needs"):
            refused()
    assert not (tmp_path / "run").exists()


def test_unit_scaling_needs_a_model_that_supports_it(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    own = RECIPE.replace("build: gpt, args: {head_dim: 16}", "build: 'hf:gpt2'")
    path.write_text(own + "parameterization: umup\n")
    with pytest.raises(InputError, match="umup trains the built-in gpt only, not hf:gpt2"):
        dry_run(load(path))
    path.write_text(own + "parameterization: mup\n")  # the control
    ProxyFactory(load(path).recipe).require_trainable()
