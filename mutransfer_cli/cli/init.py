"""`mutransfer init`: a commented recipe that runs as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.cli.arguments.shared_options import Json
from mutransfer_cli.cli.init_questions import ask_choices, ask_model, on_a_terminal
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text

DEFAULT_MODEL = "gpt"
DEFAULT_PATH = Path("recipe.yaml")


def init(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="The recipe to write; default: recipe.yaml."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="The same as PATH.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="mlp, gpt, moe, convnet, hf:TYPE, hf:config.json or package.module:callable; "
            "default: gpt.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented recipe that runs as it is.

    On a terminal, and without --model and --json, it asks a few questions first.

    Example: mutransfer init recipe.yaml --model my_package.model:build
    """
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.documents.init import InitDocument
    from mutransfer_cli.recipe.starter.callable_template import REQUIRED

    if path is not None and output is not None:
        raise InputError(f"{path} and -o {output}: expected one path")
    path = path or output or DEFAULT_PATH
    if path.exists() and not force:
        raise InputError(f"{path}: exists already; choose another path, or --force to overwrite")
    if model is None and not as_json and on_a_terminal():
        model, text = text_from_answers(path.stem)
    else:
        model = model or DEFAULT_MODEL
        text = text_for(model, path.stem)
        if ":" in model:
            ensure_usable(model, text)
    write_text(path, text)
    if as_json:
        print_json(InitDocument(path=str(path), model=model))
    else:
        to_add = "add to it what it marks as required, then " if REQUIRED in text else ""
        show_line(f"wrote {path}; next: {to_add}mutransfer check {path}")


def text_for(model: str, name: str) -> str:
    """The template for a model, with the sizes and data that suit it.

    Args:
        model: A built-in model, hf:TYPE, hf:config.json or package.module:callable.
        name: The study's name.

    Raises:
        InputError: The model is none of these, or the name cannot be a study's.
    """
    from mutransfer_cli.catalog.callable_name import is_callable
    from mutransfer_cli.recipe.starter.template import template

    proxies = None
    if model.startswith("hf:"):
        from mutransfer_cli.models.huggingface.ladder import ladder_of

        proxies = ladder_of(model)
    if is_callable(model) and proxies is None:
        from mutransfer_cli.models.model_input import callable_arguments, input_of

        return template(model, name, takes=input_of(model), arguments=callable_arguments(model))
    return template(model, name, proxies)


def text_from_answers(name: str) -> tuple[str, str]:
    """Ask what the recipe should say.

    Args:
        name: The study's name.

    Returns:
        The model and the recipe.

    Raises:
        InputError: The answers do not suit each other.
    """
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.recipe.starter.template_choices import with_choices

    def usable(model: str) -> str:
        text = text_for(model, name)
        if ":" in model:
            ensure_usable(model, text)
        return text

    model, text = ask_model(DEFAULT_MODEL, usable)
    while True:
        recipe = with_choices(text, ask_choices(text))
        try:
            loads(recipe, "the recipe")
        except InputError as error:
            show_line(f"  {error}; once more:", file=sys.stderr)
        else:
            return model, recipe


def ensure_usable(model: str, text: str) -> None:
    """Plan the recipe once, to be sure that it works, before it is written.

    The models of user callables are not run: that may be expensive.

    Raises:
        InputError: The model cannot be imported or planned.
    """
    from mutransfer_cli.recipe.load import loads

    recipe = loads(text, "the recipe").recipe
    if not model.startswith("hf:"):
        from mutransfer_cli.models.user_code import import_callable

        import_callable(model)
        return
    from mutransfer_cli.models.proxy import ProxyFactory
    from mutransfer_cli.recipe.size import target_size

    try:
        ProxyFactory(recipe).plan(target_size(recipe, None, None, None, None, None))
    except InputError as error:
        if error.path[:1] == ("data",):
            return  # the data may need a package that is not installed here
        raise InputError(f"--model {model}: cannot write a recipe for it: {error}") from error
