"""`mutransfer shapes`: the plan of a recipe, one line per tensor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.cli.arguments.shared_options import (
    Batch,
    Depth,
    Json,
    Sets,
    Steps,
    Tokens,
    Width,
)
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.cli.terminal.table_layout import KEPT
from mutransfer_cli.documents.tensor_groups import grouped, shown_inits

if TYPE_CHECKING:
    from mutransfer_cli.documents.plan import ShapesDocument, TensorDocument


def shapes(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe.")],
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    tokens: Tokens = None,
    why: Annotated[
        bool,
        typer.Option(
            "--why", help="Add the derivation of each tensor's numbers, and what other sources say."
        ),
    ] = False,
    diff: Annotated[
        Path | None,
        typer.Option(
            "--diff", metavar="RECIPE", help="Show how the plan of another recipe differs."
        ),
    ] = None,
    base_shapes: Annotated[
        Path | None,
        typer.Option(
            "--base-shapes", metavar="FILE.bsh", help="Write base shapes for the mup package."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE.bsh",
            help="Compare with base shapes of the mup package; exit with 1 if they differ.",
        ),
    ] = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Show where each value of the recipe comes from.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="A line for every tensor, also where layers are alike.")
    ] = False,
    sets: Sets = None,
    as_json: Json = False,
) -> None:
    """Show for each tensor its role, init, learning rate, decay, epsilon, and the rule's source.

    Example: mutransfer shapes recipe.yaml --width 4096 --why
    """
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.recipe.load import load
    from mutransfer_cli.recipe.size import target_size

    loaded = load(recipe, sets or ())
    size = target_size(loaded.recipe, width, depth, batch, steps, tokens)
    from mutransfer_cli.models.notes import shapes_document
    from mutransfer_cli.models.proxy import ProxyFactory
    from mutransfer_cli.plans import base_shapes as bsh
    from mutransfer_cli.plans.diff import plan_differences

    plan = ProxyFactory(loaded.recipe).plan(size)
    document = shapes_document(loaded.recipe, plan, loaded.origins if origin else None)
    if diff is not None:
        other = load(diff, sets or ()).recipe
        theirs = ProxyFactory(other).plan(target_size(other, width, depth, batch, steps, tokens))
        document = document.model_copy(update={"differences": plan_differences(plan, theirs)})
    if base_shapes is not None:
        bsh.write_base_shapes(bsh.base_shapes(plan), base_shapes)
    mismatches = (
        bsh.base_shape_differences(bsh.base_shapes(plan), bsh.read_base_shapes(against))
        if against
        else []
    )
    if as_json:
        print_json(document)
    elif document.differences is not None:
        show_differences(document, str(diff))
    else:
        show(document, why, every)
    if origin and not as_json:
        from mutransfer_cli.cli.terminal.output import table

        table("origins", ("key", "from"), sorted(loaded.origins.items()))
    for line in mismatches:
        show_line(f"{against}: {line}", file=sys.stderr)
    if base_shapes is not None:
        show_line(f"wrote {base_shapes}", file=sys.stderr)
    if mismatches:
        raise typer.Exit(1)


def show(document: ShapesDocument, why: bool, every: bool) -> None:
    """Print the table of tensors, the rules, forward multipliers, choices and notes.

    Args:
        document: The plan.
        why: Whether to print the derivation of the numbers.
        every: Whether tensors that differ in the index of their layer have their own lines.
    """
    m = document.multipliers
    grown = ", ".join(
        f"{axis} {getattr(document.base, axis)} to {getattr(document.target, axis)}"
        for axis in SIZES
        if getattr(document.base, axis) != getattr(document.target, axis)
    )
    show_line(
        f"{document.parameterization}, {document.optimizer}: {grown or 'at the base'} "
        f"(m_width = {m.width:g})"
    )
    show_tensors(document, every)
    for name, value in document.forward.items():
        if value is not None:
            show_line(f"{name} = {value:.6g}")
    show_rules(document)
    for choice in document.choices:
        show_line(f"{choice.what}: {choice.taken} ({choice.kind}: {choice.source})")
        if why:
            show_line(f"  others: {choice.others}")
    for note in document.notes:
        show_line(f"note: {note}")
    if why:
        for name, tensors in grouped(document.tensors, derivation, every):
            show_line(f"{name} {derivation(tensors[0])}")


def show_tensors(document: ShapesDocument, every: bool) -> None:
    """Print the numbers of every tensor, alike ones in one line."""
    from mutransfer_cli.cli.terminal.output import number, table

    scaled = any(t.multiplier != 1 for t in document.tensors)
    inits = {} if every else shown_inits(document.tensors)

    def cells(t: TensorDocument) -> tuple[str, ...]:
        return (
            t.role,
            "×".join(map(str, t.shape)),
            str(t.fan_in),
            number(inits.get(t.name, t.init_std), "own"),
            *([number(t.multiplier)] if scaled else []),
            number(t.lr),
            number(t.weight_decay),
            number(t.eps),
        )

    multiplier = ["multiplier"] if scaled else []
    table(
        "",
        ("tensor", "role", "shape", "fan-in", "init std", *multiplier, "lr", "decay", "eps"),
        (
            (name.replace(" ", KEPT), *cells(tensors[0]))
            for name, tensors in grouped(document.tensors, cells, every)
        ),
    )


def show_rules(document: ShapesDocument) -> None:
    """Print the source of the rule of every role."""
    roles: dict[str, list[str]] = {}
    for t in document.tensors:
        known = roles.setdefault(t.source, [])
        if t.role not in known:
            known.append(t.role)
    for source, names in roles.items():
        show_line(f"rule of {', '.join(names)}: {source}")


def derivation(t: TensorDocument) -> str:
    """How the numbers of a tensor follow."""
    grows = " and ".join(map(str, t.growing)) or "none"
    fans = f"fan-in {t.fan_in}, fan-out {t.fan_out}, growing dimensions {grows}"
    return f"({t.role}, {t.optimizer}): {t.why}; {fans}"


def show_differences(document: ShapesDocument, other: str) -> None:
    """Print where two plans differ."""
    from mutransfer_cli.cli.terminal.output import number, table

    rows = document.differences or ()
    table(
        f"{document.parameterization} here, and in {other}",
        ("tensor", "what", "here", "there", "ratio"),
        ((d.name, d.what, number(d.here), number(d.there), number(d.ratio)) for d in rows),
    )
    if not rows:
        show_line("no tensor differs in init, multiplier, learning rate, decay or epsilon")
