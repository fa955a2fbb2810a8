"""The formats of `mutransfer scale`, and for others the nearest thing that works."""

from __future__ import annotations

from collections.abc import Callable

from mutransfer_cli.emit import plan_json, torch_module
from mutransfer_cli.errors import InputError
from mutransfer_cli.rules.document import ScaleDocument

Emitter = Callable[[ScaleDocument], str]

EMITTERS: dict[str, Emitter] = {"json": plan_json.emit, "torch": torch_module.emit}

FORMATS: dict[str, str] = {
    "json": "the whole plan, a line a tensor; `load_plan` reads it",
    "torch": "a Python file that initialises, groups parameters and sets multipliers; needs torch",
}


def require(name: str) -> None:
    """InputError for a format that there is not."""
    if name not in EMITTERS:
        raise InputError(
            f"--format {name}: not available in this version; available: {', '.join(FORMATS)}"
        )


def emit(document: ScaleDocument) -> str:
    """The text of the document's format."""
    return EMITTERS[document.format](document)
