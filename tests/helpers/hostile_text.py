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

EXTRA_KEY = "lr"  # the beginning of a key that is added to each mapping
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
        first = next(iter(changed.values()), "")
        return changed if keys else {**changed, EXTRA_KEY + text: first}
    if isinstance(value, list | tuple):
        return type(value)(mixed(item, text, keys) for item in value)
    return value


def text_fields(model: type[BaseModel]) -> set[str]:
    """Every place of a document that can hold text, derived from the classes of its parts.

    `[]` stands for the entries of a list or mapping, `{}` for the keys of a mapping.
    """
    found: set[str] = set()
    for name, info in model.model_fields.items():
        found |= _text_places(info.annotation, name)
    return found


def _text_places(annotation: Any, path: str) -> set[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {f"{path}.{inner}" for inner in text_fields(annotation)}
    if annotation is str:
        return {path}
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal or not inner:
        return set()
    if origin in (dict, Mapping):
        keys = {f"{path}{{}}"} if inner[0] is str else set()
        return keys | _text_places(inner[1], f"{path}[]")
    entries = f"{path}[]" if origin in (list, tuple) else path
    return set().union(*(_text_places(part, entries) for part in inner))


def places_of(value: Any, text: str, path: str = "") -> set[str]:
    """The places of a document, in the words of `text_fields`, that hold a text."""
    if isinstance(value, str):
        return {path} if text in value else set()
    if isinstance(value, BaseModel):
        before = f"{path}." if path else ""
        parts = (places_of(getattr(value, name), text, before + name)
                 for name in type(value).model_fields)  # fmt: skip
        return set().union(*parts)
    if isinstance(value, Mapping):
        keys = {f"{path}{{}}"} if any(text in str(key) for key in value) else set()
        return keys.union(*(places_of(inner, text, f"{path}[]") for inner in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(places_of(inner, text, f"{path}[]") for inner in value))
    return set()


def is_literal(annotation: Any) -> bool:
    """Whether a field takes one of some words, so that no other text can stand in it."""
    return get_origin(annotation) is Literal or any(map(is_literal, get_args(annotation)))


def mixed_document(document: Any, text: str) -> Any:
    """A document with `text` behind every text, fields of a few words aside."""
    changes = {
        name: mixed(getattr(document, name), text)
        for name, info in type(document).model_fields.items()
        if not is_literal(info.annotation)
    }
    return document.model_copy(update=changes)


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
    changed = EmitRequest(
        request.format, replace(plan, tensors=tensors, sites=sites), request.recipe, request.size,
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
