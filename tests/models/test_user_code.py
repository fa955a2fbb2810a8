"""A user's own callable: how it is called, and what it may not return."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, check
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from tests.helpers.proxies import plan_for

RECIPE = """
name: own
model: {{build: "{where}"}}
data: {{source: teacher, d_in: 6, d_out: 3}}
base: {{width: 8}}
"""
SIZE = Size(8, 2, 16, 200)
MODULE = """
from torch import nn

def mlp(width, depth=1, seed=None):
    assert depth == 2 and seed == 5
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))

def nothing(width):
    return {"width": width}

def needs(width, other):
    return nn.Linear(6, width)

def narrow(dim):
    return nn.Linear(6, dim)

def passes_on(width, **layer):
    return nn.Sequential(nn.Linear(6, width, **layer), nn.Linear(width, 3))

def any_keyword(**sizes):
    assert sizes == {"width": 8, "depth": 2, "seed": 5}
    return nn.Linear(6, 3)

def broken(width):
    raise ValueError("no such\\nlayer")

def hostile(width):
    import builtins, sys
    model = nn.Linear(6, 3)
    sys.path.clear()
    sys.setrecursionlimit(150)
    builtins.print = builtins.isinstance = None
    builtins.sum = lambda *given: 7  # a stand-in
    del builtins.callable
    return model

constant = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "their_model.py").write_text(MODULE)
    (tmp_path / "their_fault.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("their_model", None)
    return "their_model"


def test_depth_and_seed_are_offered(module: str) -> None:
    recipe = loads(RECIPE.format(where=f"{module}:mlp")).recipe
    assert isinstance(build(recipe, SIZE, seed=5).model, nn.Sequential)


def test_a_callable_of_any_keyword_gets_all(module: str) -> None:
    recipe = loads(RECIPE.format(where=f"{module}:any_keyword")).recipe
    assert build(recipe, SIZE, seed=5).model is not None


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("not_a_module:f", "no module named 'not_a_module'"),
        ("their_fault:f", "no module named 'not_there_at_all'"),
        ("their_model:absent", "has no 'absent'"),
        ("their_model:constant", "is an int, expected a callable"),
        ("their_model:nothing", "returned a dict, expected a torch.nn.Module"),
        ("their_model:needs", "also requires other: add them to model.args"),
        ("their_model:narrow", r"it takes dim; name its width, as in model\.width: \{dim: 1\}"),
        ("their_model:passes_on", "unexpected keyword argument 'depth'"),
        (
            "their_model:broken",
            r"broken\(width=8\): .*their_model\.py:\d+: ValueError: no such layer",
        ),
    ],
)
def test_what_is_wrong_with_a_callable_is_one_line(module: str, where: str, message: str) -> None:
    recipe = loads(RECIPE.format(where=where)).recipe
    with pytest.raises(InputError, match=message) as caught:
        build(recipe, SIZE)
    assert "\n" not in str(caught.value)


def test_a_callable_that_takes_away_what_python_needs(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone is back; what stands in for something stays, as a `print` of one process."""
    monkeypatch.setattr(builtins, "sum", sum)  # undone after the test
    path, before = {*sys.path}, (sys.getrecursionlimit(), print, isinstance, callable)
    build(loads(RECIPE.format(where="their_model:hostile")).recipe, SIZE)
    assert (sys.getrecursionlimit(), print, isinstance, callable) == before
    assert path <= {*sys.path}
    assert sum([1]) == 7


def test_a_model_that_does_not_fit_the_data(module: str) -> None:
    text = RECIPE.format(where="their_model:mlp").replace("d_in: 6", "d_in: 7")
    recipe = loads(text + "roles: []\n").recipe
    with pytest.raises(InputError):
        plan_for(recipe, SIZE)


def test_a_callable_that_no_recipe_names() -> None:
    """Its errors name no key of a recipe, and send nobody to one."""

    def needs(width: int, other: int) -> nn.Module:
        return nn.Linear(width, other)

    def broken(width: int) -> nn.Module:
        raise ValueError("no such layer")

    with pytest.raises(
        InputError, match=r"^mine: called with width: .* other: give them defaults$"
    ):
        check(needs, (16, 32, 64), name="mine")
    with pytest.raises(InputError, match=r"^mine\(width=16\): .*: ValueError: no such layer$"):
        check(broken, (16, 32, 64), name="mine")
    with pytest.raises(
        InputError, match=r"^mine: its loss has the shape \(4,\), expected a scalar"
    ):
        check(several_losses, (16, 32, 64), name="mine")


def several_losses(width: int) -> Subject:
    """A subject whose loss is one number for each example."""
    model = nn.Linear(width, 3)
    examples = torch.ones(4, width)
    return Subject(model, loss=lambda m, x: m(x).sum(1), batch=lambda seed: examples)
