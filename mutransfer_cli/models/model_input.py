"""What a user's model takes, from its first layer: for the recipe that `init` writes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.growth.argument_names import INPUTS
from mutransfer_cli.models.growth.callable_arguments import arguments_of
from mutransfer_cli.models.growth.config_object import refuse_config_object
from mutransfer_cli.models.loss import ONE_OUTPUT, OWN_LOSS
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import call_builder, import_callable
from mutransfer_cli.recipe.starter.callable_template import CallableArguments
from mutransfer_cli.recipe.starter.template import ModelInput
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton


def callable_arguments(path: str) -> CallableArguments:
    """The arguments of `package.module:callable` that a recipe names, from its signature.

    The ladder starts where the model has the parameters of wider ones: of some, a single head has
    no output projection.

    Raises:
        InputError: The callable cannot be imported, or takes its sizes in one object or a list.
    """
    builder = import_callable(path)
    refuse_config_object(builder, path)
    arguments = arguments_of(builder)
    try:
        one, two = (
            shapes_of(skeleton(lambda n=n: _built(path, n * arguments.narrowest).model))  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
            for n in (1, 2)
        )
    except Exception:  # whatever the user's code raises: it may need arguments or a device
        return arguments
    return replace(
        arguments, narrowest=(1 if one.keys() == two.keys() else 2) * arguments.narrowest
    )


def _built(path: str, width: int) -> Subject:
    """The callable's model of a width, with the arguments that `init` writes.

    Raises:
        InputError: The callable cannot be imported or called with them.
    """
    builder = import_callable(path)
    arguments = arguments_of(builder)
    sizes = {name: round(width * factor) for name, factor in arguments.width.items()}
    sizes |= {name: round(arguments.layers * factor) for name, factor in arguments.depth.items()}
    optional = {"depth": arguments.layers}
    return call_builder(builder, path, {**arguments.fixed, **sizes}, optional, 0)


def input_of(path: str) -> ModelInput | None:
    """What the model of `package.module:callable` takes; None if its layers do not tell.

    The model is built on the meta device, so that no weights are allocated.

    Raises:
        InputError: The callable cannot be imported, or its model has one output and no loss.
    """
    arguments = arguments_of(import_callable(path))
    subjects: list[Subject] = []

    def model(width: int) -> nn.Module:
        subjects.append(_built(path, width))
        return subjects[-1].model

    try:
        small, big = (skeleton(partial(model, n * arguments.narrowest)) for n in (2, 4))
    except Exception:  # whatever the user's code raises: it may need arguments or a device
        return _said_by(arguments)
    found = first_input(list(small.modules()), list(big.modules()))
    if found is not None and arguments.channels:
        found = ModelInput("images", arguments.channels, found.classes)
    if found is not None and found.classes == 1 and subjects[0].loss is None:
        raise InputError(f"--model {path}: {ONE_OUTPUT}; {OWN_LOSS}")
    return found


def _said_by(arguments: CallableArguments) -> ModelInput | None:
    """What a model takes by the names of its arguments, where it cannot be built."""
    if arguments.channels:
        return ModelInput("images", arguments.channels)
    size = next((int(n) for name, n in arguments.fixed.items() if INPUTS.fullmatch(name)), None)
    return None if size is None else ModelInput("vectors", size)


def first_input(small: list[nn.Module], big: list[nn.Module]) -> ModelInput | None:
    """What the first layer takes, and how many outputs the last has.

    Args:
        small: The modules of a model at one width.
        big: Those of the model at another.
    """
    if any(isinstance(module, nn.Embedding) for module in small):
        return ModelInput("tokens")
    linear = [
        (a, b)
        for a, b in zip(small, big, strict=False)
        if isinstance(a, nn.Linear) and isinstance(b, nn.Linear)
    ]
    outputs = {module.out_features for module in linear[-1]} if linear else set()
    classes = outputs.pop() if len(outputs) == 1 else None
    for module in small:
        if isinstance(module, nn.Conv2d):
            return ModelInput("images", module.in_channels, classes)
        if isinstance(module, nn.Linear):
            return ModelInput("vectors", module.in_features, classes)
    return None
