"""Seals a forecast with its date and a digest, and reads only forecasts that were not edited."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mutransfer_cli.documents.base import as_json, validated
from mutransfer_cli.documents.predict import ForecastRuns, PredictDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json, write_text
from mutransfer_cli.version import __version__

PACKAGES = ("numpy", "scipy")
SHORT = 12  # digits of a digest in the name of a kept forecast


def canonical_digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of a forecast's fields, except the digest itself, as canonical JSON.

    Canonical: keys sorted, no white space, UTF-8.
    """
    fields = {name: value for name, value in values.items() if name != "digest"}
    text = json.dumps(
        fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return sha256(text.encode("utf-8")).hexdigest()


def sealed(
    prediction: PredictDocument, runs: ForecastRuns, now: datetime | None = None
) -> PredictDocument:
    """The prediction as a forecast: dated, with versions and runs, and with its digest.

    Args:
        prediction: The prediction.
        runs: The runs that it was made from.
        now: The date; by default the present.
    """
    versions = {"mutransfer": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in PACKAGES}
    dated = prediction.model_copy(
        update={
            "made": (now or datetime.now(UTC)).isoformat(),
            "versions": versions,
            "runs": runs,
        }
    )
    # the digest is taken of what a reader of the file sees
    return dated.model_copy(update={"digest": canonical_digest(json.loads(as_json(dated)))})


def write_forecast(forecast: PredictDocument, path: Path) -> None:
    """Write a sealed forecast.

    Raises:
        InputError: The file cannot be written.
    """
    write_text(path, as_json(forecast) + "\n")


def kept_folder(source: Path) -> Path:
    """Where the forecasts of a run or a table are kept: in the run, or beside the table."""
    return source / "forecasts" if source.is_dir() else source.with_name(f"{source.stem}.forecasts")


def keep(forecast: PredictDocument, source: Path) -> Path:
    """Keep a copy of a forecast with the runs that it was made from, and return its path.

    Raises:
        InputError: The copy cannot be written.
    """
    assert forecast.digest is not None
    path = kept_folder(source) / f"{forecast.digest[:SHORT]}.json"
    write_forecast(forecast, path)
    return path


def read_forecast(path: Path) -> PredictDocument:
    """Read a sealed forecast.

    Raises:
        InputError: The file is not a forecast, or was edited after it was sealed.
    """
    values = read_json(path)
    if not isinstance(values, dict) or not {"schema", "digest", "made", "runs"} <= values.keys():
        raise InputError(f"{path}: not a forecast; `mutransfer predict RUN -o {path}` writes one")
    if values["digest"] is None:
        raise InputError(f"{path}: a prediction without a seal; `predict … -o FILE` writes one")
    if canonical_digest(values) != values["digest"]:
        raise InputError(
            f"{path}: was edited after it was sealed: its digest is {values['digest']}, that of "
            f"its content {canonical_digest(values)}"
        )
    forecast = validated(PredictDocument, values, path, "a forecast")
    try:
        made = datetime.fromisoformat(values["made"])
    except (TypeError, ValueError):
        made = None
    if made is None or made.tzinfo is None:
        raise InputError(
            f"{path}: made: expected a date with a time zone, found {values['made']!r}"
        )
    for name, size in forecast.target.items():
        if size is not None and size <= 0:
            raise InputError(f"{path}: target.{name}: expected a positive size, found {size:g}")
    require_kept(forecast, path)
    return forecast


def require_kept(forecast: PredictDocument, path: Path) -> None:
    """Check a forecast against the copies that are kept with its runs, if they are here.

    An edited forecast that was sealed again has a digest of its own, which was not kept.

    Raises:
        InputError: Forecasts are kept with the runs, but not this one.
    """
    assert forecast.runs is not None and forecast.digest is not None
    try:
        folder = kept_folder(Path(forecast.runs.source))
        if not folder.is_dir():
            return
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: runs.source is not a path: {error}") from error
    copy = folder / f"{forecast.digest[:SHORT]}.json"
    kept = read_json(copy) if copy.is_file() else None
    if not isinstance(kept, dict) or kept.get("digest") != forecast.digest:
        raise InputError(
            f"{path}: no forecast with its digest {forecast.digest} is kept in {folder}; it was "
            "sealed again after it was made"
        )
