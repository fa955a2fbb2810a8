"""`mutransfer init`: a commented recipe that runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.cli.options import Json
from mutransfer_cli.cli.output import show_line
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text


def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The recipe to write.")] = Path(
        "recipe.yaml"
    ),
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="mlp, gpt, convnet, hf:TYPE, hf:config.json or package.module:callable.",
        ),
    ] = "gpt",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented recipe that runs as it is.

    On a terminal, and without options, it asks a few questions first.

    Example: mutransfer init recipe.yaml --model my_package.model:build
    """
    from mutransfer_cli.cli.output import print_json
    from mutransfer_cli.documents.init import InitDocument
    from mutransfer_cli.recipe.schema.callable_name import is_callable
    from mutransfer_cli.recipe.template import template

    proxies = None
    if model.startswith("hf:"):
        from mutransfer_cli.models.huggingface.ladder import ladder_of

        proxies = ladder_of(model)
    takes = None
    if is_callable(model) and proxies is None:
        from mutransfer_cli.models.model_input import input_of

        takes = input_of(model)
    text = template(model, path.stem, proxies, takes)
    if path.exists() and not force:
        raise InputError(f"{path}: exists already; choose another path, or --force to overwrite")
    if ":" in model:
        ensure_usable(model, text)
    write_text(path, text)
    if as_json:
        print_json(InitDocument(path=str(path), model=model))
    else:
        show_line(f"wrote {path}; next: mutransfer check {path}")


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
