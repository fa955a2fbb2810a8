"""`mutransfer shapes`: a line a tensor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.cli.options import Batch, Debug, Depth, Json, Sets, Steps, Tokens, Width


def register(app: typer.Typer) -> None:
    app.command("shapes")(shapes)


def shapes(
    recipe: Annotated[Path, typer.Argument(help="A recipe.")],
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    tokens: Tokens = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say where each value came from.")
    ] = False,
    sets: Sets = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show for each tensor its role, init, learning rate, decay, epsilon, and the rule's source."""
    from mutransfer_cli.cli.render import number, print_json, table
    from mutransfer_cli.recipe.load import load
    from mutransfer_cli.recipe.size import target_size

    loaded = load(recipe, sets or ())
    size = target_size(
        loaded.recipe, width=width, depth=depth, batch=batch, steps=steps, tokens=tokens
    )
    from mutransfer_cli.models.planned import plan_for, shapes_document

    plan = plan_for(loaded.recipe, size)
    document = shapes_document(loaded.recipe, plan, loaded.origins if origin else None)
    if as_json:
        print_json(document)
        return
    m = document.multipliers
    table(
        f"{plan.parameterization}, {plan.optimizer}: width {document.base.width} to "
        f"{document.target.width} (m = {m.width:g})",
        ("tensor", "role", "shape", "grows", "in", "out", "init std", "lr", "decay", "eps", "rule"),
        (
            (
                t.name,
                t.role,
                "×".join(map(str, t.shape)),
                ",".join(map(str, t.growing)) or "-",
                str(t.fan_in),
                str(t.fan_out),
                number(t.init_std, "own"),
                number(t.lr),
                number(t.weight_decay),
                number(t.eps),
                t.source,
            )
            for t in document.tensors
        ),
    )
    for name, value in document.forward.items():
        if value is not None:
            print(f"  {name} = {value:.6g}")
    for note in document.notes:
        print(f"  note: {note}")
    if origin:
        table("origins", ("key", "from"), sorted(loaded.origins.items()))
