"""Builds a recipe's model at a size: built-in, from a Hugging Face config, or the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.models import MODELS, ModelEntry
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.data.opening import input_and_class_counts
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builtin.protocol import BuildModel
from mutransfer_cli.models.checked_subject import checked
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import call_builder, import_callable, run_user_code
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, sequence_length


def build(recipe: Recipe, size: Size, seed: int = 0) -> Subject:
    """The recipe's model at a size, as its authors initialize it after `seed`.

    Raises:
        InputError: The model cannot be imported or built.
    """
    model = recipe.model
    arguments = {
        **model.args,
        **{
            name: value
            for axis in AXES
            if axis.grows_model
            for name, value in _scaled(getattr(model, axis.name), getattr(size, axis.size)).items()
        },
    }
    if model.build in MODELS:
        row = MODELS[model.build]
        build_model: BuildModel = row.load()
        arguments = {**_arguments_from_data(recipe, row, size), **arguments}
        torch.manual_seed(seed)
        try:
            return Subject(build_model(**arguments))
        except RuntimeError as error:
            if "Storage size calculation overflowed" not in str(error):
                raise
            raise InputError(
                f"{model.build}: larger than any memory: {error}", ("model",)
            ) from None
    if model.build.startswith("hf:"):
        from mutransfer_cli.models.huggingface.model_class import build_from_config

        subject: Subject = run_user_code(lambda: build_from_config(recipe, size, seed), model.build)
        return subject
    builder = import_callable(model.build)
    optional = {"depth": size.depth}
    if "batch" in inspect.signature(builder).parameters and "batch" not in arguments:
        optional["batch"] = size.batch  # of a model that brings its own batches
    own = call_builder(builder, model.build, arguments, optional, seed)
    return checked(own, model.build)


def _scaled(arguments: Mapping[str, float], size: int) -> dict[str, int]:
    """Arguments that are a multiple of a size."""
    return {name: round(factor * size) for name, factor in arguments.items()}


def _arguments_from_data(recipe: Recipe, row: ModelEntry, size: Size) -> dict[str, Any]:
    """Arguments of a built-in model that follow from the recipe's data."""
    d_in, d_out = None, None
    if row.reads == "vectors":
        d_in, d_out = input_and_class_counts(recipe)
    from_data = {
        "seq_len": sequence_length(recipe, size),
        "vocab_size": SOURCES.require(recipe.data.source, ("data", "source")).vocab_size,
        "d_in": d_in,
        "d_out": d_out,
    }
    return {name: from_data[name] for name in row.from_data}
