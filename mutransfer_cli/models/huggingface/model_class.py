"""Finds the model class for a Hugging Face config, and builds the model."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.huggingface.losses import image_loss, masked_loss, seq2seq_loss
from mutransfer_cli.models.huggingface.scaled_config import config_at
from mutransfer_cli.models.huggingface.transformers_import import import_transformers
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import BUILD
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size

CAUSAL, SEQ2SEQ = "AutoModelForCausalLM", "AutoModelForSeq2SeqLM"
MASKED, IMAGES = "AutoModelForMaskedLM", "AutoModelForImageClassification"
ACTIVATION = ("hidden_act", "activation_function", "hidden_activation")  # keys of configs
LOSSES = {SEQ2SEQ: seq2seq_loss, MASKED: masked_loss, IMAGES: image_loss}


@dataclass(frozen=True, slots=True)
class ModelClass:
    """A model class and the task that it is for.

    Attributes:
        auto_class: The class of transformers that stands for the task.
        model_class: The class of the model itself.
    """

    auto_class: str
    model_class: Any


def build_from_config(recipe: Recipe, size: Size, seed: int) -> Subject:
    """The model at a size, as its authors initialize it after `seed`."""
    config = config_at(recipe, size)
    kind = model_class_of(config, recipe.model.build)
    require_activations(config, recipe)
    torch.manual_seed(seed)
    return Subject(kind.model_class._from_config(config), loss=LOSSES.get(kind.auto_class))


def require_activations(config: Any, recipe: Recipe) -> None:
    """Refuse an activation that transformers does not know.

    Raises:
        InputError: Such a name is in the config.
    """
    from transformers.activations import ACT2FN

    for key in ACTIVATION:
        name = getattr(config, key, None)
        if isinstance(name, str) and name not in ACT2FN:
            near = get_close_matches(name, ACT2FN, 3) or ["gelu", "silu", "relu", "gelu_new"]
            given = key in recipe.model.args
            raise InputError(
                f"{recipe.model.build}: {key}: transformers has no activation {name!r}; expected "
                f"{', '.join(near)} or another of its names",
                path=("model", "args", key) if given else BUILD,
            )


def model_class_of(config: Any, build: str) -> ModelClass:
    """The model class that a config is for; `build` is the recipe's name for it.

    Raises:
        InputError: The type is for neither text nor images.
    """
    for auto_class in _preferred_tasks(config):
        mapping = getattr(import_transformers(), auto_class)._model_mapping
        if type(config) in mapping:
            classes = mapping[type(config)]
            return ModelClass(auto_class, classes[0] if isinstance(classes, tuple) else classes)
    raise InputError(f"{build}: no model for text or images of this type", path=BUILD)


def _preferred_tasks(config: Any) -> tuple[str, ...]:
    """Tasks in the order of preference: a type may have models for several."""
    if getattr(config, "is_encoder_decoder", False):
        return SEQ2SEQ, CAUSAL
    if getattr(config, "is_decoder", False):
        return CAUSAL, MASKED, IMAGES
    return MASKED, CAUSAL, IMAGES  # one that sees both sides does not predict the next token
