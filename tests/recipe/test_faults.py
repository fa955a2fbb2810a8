"""Faults as lines and as exceptions; suggestions for words that are nearly right."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.recipe.faults import Fault, unknown_key
from mutransfer_cli.recipe.load import loads


def test_a_fault_is_an_error_with_its_key() -> None:
    fault = Fault(("optimizer", "lr"), "expected above 0, found 0")
    assert str(fault) == "optimizer.lr: expected above 0, found 0"
    error = fault.error("r.yaml:6:7")
    assert error.path == ("optimizer", "lr")
    assert str(error) == "r.yaml:6:7: optimizer.lr: expected above 0, found 0"
    assert str(Fault((), "the recipe is empty")) == "the recipe is empty"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("lrr", "; did you mean 'lr'?"),
        ("weight_deacy", "; did you mean 'weight_decay'?"),
        ("x", ""),
    ],
)
def test_suggestions(word: str, line: str) -> None:
    assert suggestion(word, ["lr", "weight_decay", "eps"]) == line


def test_unknown_keys_are_refused_with_the_known() -> None:
    assert unknown_key("lrr", ["lr", "eps"]) == ("unknown key; did you mean 'lr'? (known: lr, eps)")


BASE = "data: {source: teacher}\nbase: {width: 8}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nmodle: {build: mlp}\n", r"r:2:1: modle: unknown key; did you mean 'model'\?"),
        ("name: a\nmodel: {biuld: mlp}\n", r"r:2:9: model.biuld: .* did you mean 'build'\?"),
        # the controls: nothing like the missing key is there
        ("name: a\nx: 1\n", "r:1:1: model: missing; a recipe needs name, model, data and base"),
        ("name: a\nmodel: {x: mlp}\n", "r:2:1: model.build: missing"),
    ],
)
def test_a_misspelt_key_is_named_before_the_one_that_is_missing(text: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        loads(text + BASE, "r")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            "search: {price_per_hour: 2}",
            r"search.price_per_hour: unknown key; search.budget has it ",
        ),
        ("precision: bf16", r"precision: unknown key; search, train have it "),
        (
            "search: {space: {betas.1: {choice: [0.9]}}}",
            r"search.space.betas.1: unknown key; optimizer has it ",
        ),
        # the control: no section has it
        ("nonsense: 3", r"nonsense: unknown key \(known: "),
    ],
)
def test_a_key_of_another_section_is_said_to_be_there(more: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        loads(f"name: a\nmodel: {{build: mlp}}\n{BASE}{more}\n")


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        ("maximize", "maximized by train.loss.maximize"),
        ("valloss", "did you mean 'val_loss'?"),  # the control: nearly a choice
    ],
)
def test_an_objective_of_another_kind_names_its_key(objective: str, text: str) -> None:
    recipe = f"name: x\nmodel: {{build: mlp}}\n{BASE}search: {{objective: {objective}}}\n"
    with pytest.raises(InputError) as error:
        loads(recipe)
    assert text in str(error.value)
