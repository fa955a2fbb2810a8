"""Fields whose values are names of the catalog: built in, of another package, or removed."""

from __future__ import annotations

from typing import Any

import pytest

from mutransfer_cli.catalog.fields import Positive, Section
from mutransfer_cli.catalog.models import MODELS, Growth, ModelEntry
from mutransfer_cli.catalog.optimizers import OPTIMIZERS, OptimizerEntry
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS, ParameterizationEntry
from mutransfer_cli.catalog.pruners import PRUNERS, PrunerEntry
from mutransfer_cli.catalog.registry import Entry, Registry
from mutransfer_cli.catalog.samplers import SAMPLERS, SamplerEntry
from mutransfer_cli.catalog.sources import SOURCES, SourceEntry
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import target_size
from tests.helpers.recipes import GOOD, MLP, change, refused
from tests.helpers.registries import add, choices, remove


@pytest.mark.parametrize("name", PARAMETERIZATIONS.names)
def test_available_parameterizations(name: str) -> None:
    assert loads(GOOD + f"parameterization: {name}\n").recipe.parameterization == name


@pytest.mark.parametrize("name", OPTIMIZERS.names)
def test_available_optimizers(name: str) -> None:
    assert loads(change("lr: 0.01", f"name: {name}")).recipe.optimizer.name == name


@pytest.mark.parametrize("pruner", PRUNERS.names)
def test_pruners(pruner: str) -> None:
    assert loads(GOOD + f"search: {{prune: {pruner}}}\n").recipe.search.prune == pruner


UNKNOWN = [
    (
        "parameterization: mup2",
        f"10:19: parameterization: expected {choices(PARAMETERIZATIONS)}, "
        "found 'mup2'; did you mean 'mup'?",
    ),
    (
        "search: {sampler: gird}",
        f"10:19: search.sampler: expected {choices(SAMPLERS)}, found 'gird'; did you mean 'grid'?",
    ),
    ("search: {prune: 3}", f"10:17: search.prune: expected {choices(PRUNERS)}, found 3"),
    ("search: {prune: [a]}", f"10:17: search.prune: expected {choices(PRUNERS)}, found a list"),
]


@pytest.mark.parametrize(("tail", "line"), UNKNOWN)
def test_unknown_names_are_refused_with_the_choices(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n") == "r.yaml:" + line


def _field(section: str, key: str) -> dict[str, Any]:
    schema = Recipe.model_json_schema()
    properties = schema["$defs"][section]["properties"] if section else schema["properties"]
    found: dict[str, Any] = properties[key]
    return found


def test_the_json_schema_lists_the_choices() -> None:
    assert _field("Search", "prune")["enum"] == list(PRUNERS.names)
    assert _field("Search", "sampler")["enum"] == list(SAMPLERS.names)
    assert {"enum": list(OPTIMIZERS.names)} in _field("Optimizer", "name")["anyOf"]
    assert _field("Optimizer", "name")["default"] == "adamw"
    assert _field("", "parameterization")["enum"] == list(PARAMETERIZATIONS.names)
    assert {"enum": list(MODELS.names)} in _field("Model", "build")["anyOf"]
    assert _field("Data", "source")["anyOf"][0]["enum"] == list(SOURCES.names)


def _kind(parameter: object) -> str | None:
    """The name of a test's parameter: a registry's kind."""
    return parameter.kind if isinstance(parameter, Registry) else None


class ToyArguments(Section):
    d_in: Positive
    d_out: Positive
    blocks: Positive = 3


VECTORS = " | ".join(row.name for row in SOURCES if row.yields == "vectors")
ENTRY = {"name": "toy", "summary": "a toy", "implementation": "nowhere:toy"}
TOYS: list[tuple[Registry[Any], Entry, str, str]] = [
    (OPTIMIZERS, OptimizerEntry(**ENTRY), GOOD.replace("lr: 0.01", "name: toy"), "optimizer.name"),
    (
        PARAMETERIZATIONS,
        ParameterizationEntry(**ENTRY),
        GOOD + "parameterization: toy\n",
        "parameterization",
    ),
    (SAMPLERS, SamplerEntry(**ENTRY), GOOD + "search: {sampler: toy}\n", "search.sampler"),
    (PRUNERS, PrunerEntry(**ENTRY), GOOD + "search: {prune: toy}\n", "search.prune"),
    (
        SOURCES,
        SourceEntry(**ENTRY, yields="tokens", vocab_size=99),
        GOOD.replace("stdlib", "toy"),
        "data.source",
    ),
    (
        MODELS,
        ModelEntry(
            **ENTRY,
            arguments=ToyArguments,
            grows={"width": Growth("hidden", divisors=("blocks",))},
            reads="vectors",
            from_data=("d_in", "d_out"),
        ),
        MLP.replace("mlp", "toy").replace("32", "33").replace("64]", "66]"),
        "model.build",
    ),
]


@pytest.mark.parametrize(("registry", "row", "text", "key"), TOYS, ids=_kind)
def test_entries_of_other_packages(
    registry: Registry[Any], row: Entry, text: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f" {key}: expected " in refused(text)
    add(monkeypatch, registry, row)
    recipe = loads(text).recipe
    assert loads(frozen_yaml(recipe)).recipe == recipe


def test_a_model_of_another_package_has_its_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    _, row, text, _ = TOYS[-1]
    add(monkeypatch, MODELS, row)
    recipe = loads(text).recipe
    assert recipe.model.args == {"blocks": 3, "d_in": 256, "d_out": 10}
    assert (recipe.model.width, recipe.model.depth) == ({"hidden": 1.0}, {})
    assert recipe.init.from_ == "fan_in"
    assert refused(text.replace("{}", "{blocsk: 1}")).startswith(
        "r.yaml:4:10: model.args.blocsk: unknown key; did you mean 'blocks'?"
    )
    assert refused(text.replace("{}", "{hidden: 1}")).startswith(
        "r.yaml:4:10: model.args.hidden: set by base.width through model.width"
    )
    assert refused(text.replace("33}", "34}")).startswith(
        "r.yaml:8:15: base.width: hidden 34 is not divisible by blocks 3; nearest that work: 33, 36"
    )
    assert refused(text.replace("teacher", "stdlib")).startswith(
        f"r.yaml:7:16: data.source: toy reads vectors: expected {VECTORS}"
    )
    assert target_size(recipe, width=99).width == 99


BUILT_IN = [
    (registry, name)
    for registry in (OPTIMIZERS, PARAMETERIZATIONS, SAMPLERS, PRUNERS, SOURCES, MODELS)
    for name in registry.names
]
# Every default is replaced in the second recipe, so that one of the two can do without any entry.
GPT = GOOD.replace("lr: 0.01", "name: adamw") + "parameterization: mup\n"
BUDGETED = next(row.name for row in SAMPLERS if row.needs_trials)
PRUNING = next(row.name for row in PRUNERS if row.prunes)
OTHER = MLP.replace("lr: 0.01", f"name: {OPTIMIZERS.names[1]}") + (
    f"parameterization: {PARAMETERIZATIONS.names[1]}\n"
    f"search: {{sampler: {BUDGETED}, prune: {PRUNING}, budget: {{trials: 8}}}}\n"
)


@pytest.mark.parametrize(("registry", "name"), BUILT_IN, ids=_kind)
def test_nothing_else_needs_a_built_in_entry(
    registry: Registry[Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two recipes that share no name at least one does not need the entry, and loads."""
    before = {text: loads(text).recipe for text in (GPT, OTHER)}
    remove(monkeypatch, registry, name)
    lines = []
    for text, recipe in before.items():
        try:
            assert loads(text).recipe == recipe
        except InputError as error:
            lines.append(str(error))
    assert len(lines) <= 1
    assert all(": expected " in line and f"found '{name}'" in line for line in lines)


DEFAULTS = [
    (OPTIMIZERS, "adamw", "5:1: optimizer.name"),
    (SAMPLERS, "grid", "1:1: search.sampler"),
    (PARAMETERIZATIONS, "mup", "1:1: parameterization"),
]


@pytest.mark.parametrize(("registry", "name", "key"), DEFAULTS, ids=_kind)
def test_a_default_that_was_removed_is_refused(
    registry: Registry[Any], name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = f"r.yaml:{key}: expected {choices(registry, without=name)}, found '{name}'"
    remove(monkeypatch, registry, name)
    assert refused(GOOD).startswith(expected)
