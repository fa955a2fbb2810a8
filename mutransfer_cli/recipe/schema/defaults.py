"""Defaults that depend on another key, filled into the raw recipe before validation.

Nothing here raises: a value of the wrong type is left for validation to name.
"""

from __future__ import annotations

from typing import Any

from mutransfer_cli.recipe.schema.builtin_models import ARGUMENTS, DEPTH_ARGUMENT, WIDTH_ARGUMENT

DIGITS = {"d_in": 64, "d_out": 10}
TEACHER = {"d_in": 256, "d_out": 10}
_NULLABLE = ("clip", "target", "train")


def _absent(section: dict[str, Any], key: str) -> bool:
    return section.get(key) is None


def _data(data: dict[str, Any]) -> None:
    sizes = {"digits": DIGITS, "teacher": TEACHER}.get(str(data.get("source")), {})
    for key, value in sizes.items():
        if _absent(data, key):
            data[key] = value


def _arguments(build: str, args: dict[str, Any], data: Any) -> dict[str, Any]:
    """The arguments of a built-in model with its defaults and what the data says."""
    source = data.get("source") if isinstance(data, dict) else None
    filled = {k: v for k, v in args.items() if v is not None}
    for name, field in ARGUMENTS[build].model_fields.items():
        if not field.is_required() and field.default is not None:
            filled.setdefault(name, field.default)
    if build == "gpt" and source in ("stdlib", "text"):
        filled.setdefault("vocab_size", 256)  # bytes
    if build == "convnet" and source in ("digits", "teacher"):
        filled.setdefault("d_out", data["d_out"])
    if build == "mlp" and source in ("digits", "teacher"):
        filled.setdefault("d_in", data["d_in"])
        filled.setdefault("d_out", data["d_out"])
    return filled


def _model(model: dict[str, Any], data: Any) -> None:
    build = model.get("build")
    if not isinstance(build, str):
        return
    for axis, arguments, other in (
        ("width", WIDTH_ARGUMENT, {} if build.startswith("hf:") else {"width": 1.0}),
        ("depth", DEPTH_ARGUMENT, {}),
    ):
        if _absent(model, axis):
            model[axis] = {arguments[build]: 1.0} if build in arguments else dict(other)
    if _absent(model, "args"):
        model["args"] = {}
    if build in ARGUMENTS and isinstance(model["args"], dict):
        model["args"] = _arguments(build, model["args"], data)


def fill(raw: Any) -> Any:
    """A copy of the raw recipe with every dependent default written in."""
    if not isinstance(raw, dict):
        return raw
    # An empty section (`search:` with its lines commented out) is one with its defaults.
    recipe = {
        key: dict(value) if isinstance(value, dict) else value
        for key, value in raw.items()
        if value is not None or key in _NULLABLE
    }
    data, model, base = recipe.get("data"), recipe.get("model"), recipe.get("base")
    if isinstance(data, dict):
        _data(data)
    if isinstance(model, dict):
        _model(model, data)
    if isinstance(base, dict) and _absent(base, "steps") and _absent(base, "tokens"):
        base["steps"] = 200
    optimizer = recipe.get("optimizer")
    if isinstance(optimizer, dict) and optimizer.get("name") in ("adam", "sgd", "adafactor"):
        optimizer.setdefault("weight_decay", 0.0)
    init = recipe.setdefault("init", {})
    if isinstance(init, dict) and _absent(init, "from"):
        build = model.get("build") if isinstance(model, dict) else None
        init["from"] = "fan_in" if build in ("mlp", "gpt", "convnet") else "model"
    return recipe
