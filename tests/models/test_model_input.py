"""What a user's model takes, and the data of the recipe that `init` writes for it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.model_input import callable_arguments, input_of
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.starter.callable_template import CallableArguments
from mutransfer_cli.recipe.starter.template import ModelInput, template


def tokens(width: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(256, width), nn.Linear(width, 256))


def vectors(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Linear(width, 5))


def digits(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def images(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.Flatten(), nn.LazyLinear(10))


def by_another_name(d_model: int, classes: int = 7, seed: int = 0) -> nn.Module:
    return nn.Sequential(nn.Linear(12, d_model), nn.ReLU(), nn.Linear(d_model, classes))


def wavenet(n_symbols: int, residual_channels: int = 64, skip_channels: int = 128) -> nn.Module:
    return nn.Sequential(
        nn.Embedding(n_symbols, residual_channels),
        nn.Linear(residual_channels, skip_channels),
        nn.Linear(skip_channels, n_symbols),
    )


class OneHead(nn.Module):
    """As vit-pytorch's attention: no output projection where one head is as wide as the model."""

    def __init__(self, dim: int, heads: int, dim_head: int = 64) -> None:
        super().__init__()
        self.first = nn.Embedding(256, dim)
        if heads > 1 or dim_head != dim:
            self.out = nn.Linear(heads * dim_head, dim)


def regression(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(12, width), nn.Tanh(), nn.Linear(width, 1))


def with_loss(width: int) -> Subject:
    return Subject(regression(width), loss=lambda m, b: m(b).mean(), batch=lambda s: torch.ones(2))


def fails(width: int) -> nn.Module:
    raise ValueError("needs a file")


def fails_on_vectors(d_in: int, n_classes: int, width: int, kind: str) -> nn.Module:
    raise ValueError("needs a kind")


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleType("some_models")
    for build in (
        *(tokens, vectors, digits, images, OneHead, regression, with_loss),
        *(fails, fails_on_vectors, by_another_name, wavenet),
    ):
        setattr(found, build.__name__, build)
    monkeypatch.setitem(sys.modules, "some_models", found)


@pytest.mark.parametrize(
    ("name", "takes", "data"),
    [
        ("tokens", ModelInput("tokens"), "source: stdlib"),
        ("vectors", ModelInput("vectors", 12, 5), "source: teacher, d_in: 12, d_out: 5"),
        ("digits", ModelInput("vectors", 64, 10), "source: digits"),
        # 3 channels of 32 × 32
        (
            "images",
            ModelInput("images", 3),
            "data: {source: teacher, d_in: 3072, d_out: 10, shape: [3, 32, 32]}",
        ),
        ("fails", None, "source: stdlib"),
        (
            "fails_on_vectors",
            ModelInput("vectors", 32),
            "data: {source: teacher, d_in: 32, d_out: 10}",
        ),
    ],
)
def test_the_recipe_names_data_that_the_model_takes(
    name: str, takes: ModelInput | None, data: str
) -> None:
    found = input_of(f"some_models:{name}")
    if takes is not None and found is not None:
        assert (found.kind, found.size) == (takes.kind, takes.size)
    assert (found is None) == (takes is None)
    text = template(f"some_models:{name}", "study", takes=takes)
    assert data in text
    assert loads(text, "the recipe").recipe.model.build == f"some_models:{name}"


def test_one_output_needs_a_loss() -> None:
    """Cross-entropy of one class is 0 for every model: nothing would train."""
    with pytest.raises(InputError, match=r"one output .*Subject\(model, loss"):
        input_of("some_models:regression")
    assert input_of("some_models:with_loss") == ModelInput("vectors", 12, 1)  # the control


def test_tokens_for_a_model_of_vectors_name_the_source() -> None:
    recipe = loads(template("some_models:vectors", "study"), "the recipe").recipe
    with pytest.raises(InputError, match=r"data\.source stdlib gives the model token ids"):
        family_for(recipe)


def test_the_recipe_passes_the_width_by_the_name_that_the_callable_requires() -> None:
    path = "some_models:by_another_name"
    arguments = callable_arguments(path)
    assert input_of(path) == ModelInput("vectors", 12, 7)
    text = template(path, "study", takes=input_of(path), arguments=arguments)
    assert loads(text, "the recipe").recipe.model.width == {"d_model": 1}
    assert "# by_another_name(d_model: 'int', classes: 'int' = 7, seed: 'int' = 0)\n" in text


def test_a_ladder_starts_where_the_model_has_all_its_parameters() -> None:
    assert callable_arguments("some_models:OneHead").narrowest == 128  # one head at 64
    assert callable_arguments("some_models:vectors").narrowest == 32  # the control


def test_a_vocabulary_is_not_the_width() -> None:
    """Bytes are what the default data have; the ratio of two widths is that of their defaults."""
    assert input_of("some_models:wavenet") == ModelInput("tokens")
    arguments = callable_arguments("some_models:wavenet")
    text = template("some_models:wavenet", "study", arguments=arguments)
    model = loads(text, "the recipe").recipe.model
    assert (model.args, model.width) == (
        {"n_symbols": 256},
        {"residual_channels": 1, "skip_channels": 2},
    )


@pytest.mark.parametrize(
    ("narrowest", "base", "target"), [(32, 64, 4096), (64, 64, 4096), (48, 96, 3072)]
)
def test_sizes_are_multiples_of_the_narrowest(narrowest: int, base: int, target: int) -> None:
    arguments = CallableArguments({"width": 1, "heads": 1 / narrowest}, narrowest=narrowest)
    recipe = loads(template("m:build", "study", arguments=arguments), "it").recipe
    assert recipe.ladder.width == (narrowest, 2 * narrowest, 4 * narrowest)
    assert recipe.target is not None
    assert (recipe.base.width, recipe.target.width) == (base, target)
