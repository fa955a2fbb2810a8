"""Text that is code in some language, and data with it in every place that holds text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from mutransfer_cli.documents.plan import DifferenceDocument, SiteDocument
from mutransfer_cli.documents.scale import (
    Deviation,
    KeyMapping,
    Prediction,
    Provenance,
    ScaleDocument,
    TriedVersionDocument,
    VersionsDocument,
)
from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig
from mutransfer_cli.interval import Interval
from mutransfer_cli.plans.types import Site
from mutransfer_cli.recipe.schema.model import RoleMatch
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.train import Loss, Train

EXTRA_KEY = "lr"  # the beginning of a key that is added to each mapping
# Fields of a recipe that take the name of an entry of the catalog, or letters alone.
CLOSED = frozenset({
    "name", "parameterization", "optimizer.name", "data.source", "search.sampler", "search.prune",
    "optimizer.adjust_lr",
})  # fmt: skip
RUN = "touch PWNED"  # a command that leaves a trace where it runs
TEXTS = [
    "\nimport os; os.system('touch PWNED')\n",
    "\r\nimport os\r",
    "'); import os; os.system('touch PWNED') #",
    '"); import os; os.system("touch PWNED") #',
    '"""\n' + "'''\nraise SystemExit(3)\n",
    "\\",
    "\\'",
    '\\"',
    "$(touch PWNED)",
    "`touch PWNED`",
    "; touch PWNED; #",
    ")\ntouch PWNED\n(",
    "' ; touch PWNED ; '",
    "${HOME} $HOME ~ * ? !! {a,b}",
    "\n- a: 1\nb: &x [*x]\n---\n",
    ": {x: 1} # c",
    "\n::error::injected",
    "::set-output name=a::b%0A",
    "##[error]injected",
    "[/red][bold]x[/]",
    "</failure><x>&amp;]]>",
    "\u2028import os\u2029\u0085\u000b\u000c\u001cx",
    "\x00",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202eevil\u2066",
    "\ud800",
    "{0} %s %(x)s {x!r}",
    "| a | `b` <img src=x onerror=alert(1)>",
    "x" * 3000,
    "$x_{$ \\frac{",
]


def mixed(value: Any, text: str, keys: bool = False) -> Any:
    """Plain data or a document with `text` behind every text in it.

    Args:
        value: The data.
        text: What is added.
        keys: Whether to the keys of mappings too.
    """
    if isinstance(value, str):
        return value + text
    if isinstance(value, BaseModel):
        return mixed_document(value, text)
    if isinstance(value, Mapping):
        changed = {k + text if keys and isinstance(k, str) else k: mixed(v, text, True)
                   for k, v in value.items()}  # fmt: skip
        if keys or not all(isinstance(key, str) for key in value):
            return changed
        return {**changed, EXTRA_KEY + text: next(iter(changed.values()), "")}
    if isinstance(value, list | tuple):
        return type(value)(mixed(item, text, keys) for item in value)
    return value


def is_literal(annotation: Any) -> bool:
    """Whether a field takes one of some words, so that no other text can stand in it."""
    return get_origin(annotation) is Literal or any(map(is_literal, get_args(annotation)))


def mixed_document(document: Any, text: str, kept: frozenset[str] = frozenset()) -> Any:
    """A document with `text` behind every text, fields of a few words aside.

    Args:
        document: The document, or a section of a recipe.
        text: What is added.
        kept: Fields that stay as they are, with the names of their sections before them.
    """
    changes = {}
    for name, info in type(document).model_fields.items():
        value = getattr(document, name)
        inner = frozenset(k.removeprefix(f"{name}.") for k in kept if k.startswith(f"{name}."))
        if isinstance(value, BaseModel):
            changes[name] = mixed_document(value, text, inner)
        elif not is_literal(info.annotation) and name not in kept:
            changes[name] = mixed(value, text)
    return document.model_copy(update=changes)


def with_every_text(recipe: Recipe) -> Recipe:
    """The recipe with a text in every field that can hold one."""
    return recipe.model_copy(
        update={
            "model": recipe.model.model_copy(
                update={"width": {"d": 1.0}, "depth": {"n": 1.0}, "args": {"note": "x"}}
            ),
            "roles": (RoleMatch(match="x.*", role="hidden"),),
            "rules": recipe.rules.model_copy(update={"decay": ("x.*",)}),
            "lr_factors": {"x.*": 2.0},
            "init": recipe.init.model_copy(update={"zero": ("x.*",)}),
            "optimizer": recipe.optimizer.model_copy(update={"trains": ("x.*",)}),
            "data": recipe.data.model_copy(update={"path": "x"}),
            "search": recipe.search.model_copy(update={"precision": {"lr": 0.25}}),
            "train": Train.model_construct(
                command="x", loss=Loss.model_construct(file="x", key="y", regex="z")
            ),
        }
    )


def with_every_field(document: ScaleDocument) -> ScaleDocument:
    """The document with provenance, a note and a deviation, so that no field is empty."""
    one = Interval(value=1.0, low=0.5, high=2.0)
    provenance = Provenance(
        run="runs/x", width=8, confidence=0.9, optima={"lr": one}, choice="lowest regret",
        trials=3, flops=1.0, seconds=2.0, versions={"torch": "2"}, device="cpu", seed=0,
        digest="0123", data_digest="4567", git_revision="89ab",
    )  # fmt: skip
    deviation = Deviation(what="lr of x", wanted="a", got="b", consequence="c")
    mapping = KeyMapping(
        tensor="x", quantity="lr", planned=1.0, key="--lr", written=1.0, trained=1.0, match="exact"
    )
    factors = {**document.hyperparameters, "lr_factors": {"blocks.*": 2.0}}
    prediction = Prediction(lr=one, optimum={"lr": one}, loss=one, distance=1.0, note="a note")
    difference = DifferenceDocument(name="x", what="lr", here=1.0, there=2.0, ratio=2.0)
    tried = TriedVersionDocument(version="1.2", evidence="built", when="2026-01", note="a note")
    versions = VersionsDocument(
        package="stack", installed="1.2", tried=(tried,), others="others", warning="not tried"
    )
    tensors = tuple(
        t.model_copy(update={"why": t.why or "why", "note": t.note or "note"})
        for t in document.tensors
    )
    site = SiteDocument(how="output", modules=("x",), attribute="scale")
    return document.model_copy(
        update={
            "tensors": tensors,
            "adjust_lr": document.adjust_lr or "original",
            "sites": {**document.sites, "logit_scale": site},
            "usage": document.usage or ("how to use it",),
            "prediction": prediction,
            "differences": (difference,),
            "versions": versions,
            "provenance": provenance,
            "hyperparameters": factors,
            "deviations": (*document.deviations, deviation),
            "notes": (*document.notes, "a note"),
            "explanation": (mapping,),
        }
    )


def mixed_request(request: EmitRequest, text: str) -> EmitRequest:
    """The request with `text` behind the names of tensors and modules and in the config."""
    plan = request.plan
    tensors = tuple(replace(t, name=t.name + text, why=t.why + text) for t in plan.tensors)
    sites = {
        name: Site(s.how, tuple(m + text for m in s.modules), s.attribute and s.attribute + text)
        for name, s in plan.sites.items()
    }
    recipe = mixed_document(with_every_text(request.recipe), text, CLOSED)
    changed = EmitRequest(
        request.format, replace(plan, tensors=tensors, sites=sites), recipe, request.size,
        request.allow_deviations,
    )  # fmt: skip
    config = request.hf_config
    if config is not None:
        config.note_of_its_author = text
    changed.__dict__["hf_config"] = config
    if "decoder" in request.__dict__:
        decoder = request.decoder
        parts = {name + text: part for name, part in decoder.parts.items()}
        changed.__dict__["decoder"] = replace(
            decoder, parts=parts, activation=f"{decoder.activation}{text}"
        )
    return changed


def mixed_config(resolved: ResolvedConfig, text: str) -> ResolvedConfig:
    """The resolved configuration with the request's names of tensors."""

    def renamed(numbers: Any) -> dict[str, Numbers]:
        return {name + text: value for name, value in numbers.items()}

    return replace(resolved, planned=renamed(resolved.planned), actual=renamed(resolved.actual))
