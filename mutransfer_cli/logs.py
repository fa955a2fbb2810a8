"""Logging: off by default, switched on by `-v`, `-vv` or the environment variable MUTRANSFER_LOG.

Every module logs by `logging.getLogger(__name__)`; handlers are set here and nowhere else.
"""

from __future__ import annotations

import logging
import os
import sys
import time

from mutransfer_cli.errors import InputError
from mutransfer_cli.quoting import one_line
from mutransfer_cli.redaction import redact

VARIABLE = "MUTRANSFER_LOG"
LEVELS = {"warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
ROOT = logging.getLogger("mutransfer_cli")
ROOT.addHandler(logging.NullHandler())  # without it, Python prints warnings by itself


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, process, message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        import json  # not for `--help`

        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": redact(record.getMessage()),
        }
        return json.dumps(line)


class PlainLines(logging.Formatter):
    """`12:03:58 info search.sweep[4711]: message`, without the package's own name."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        name = record.name.removeprefix("mutransfer_cli.")
        message = one_line(redact(record.getMessage()))
        return f"{clock} {record.levelname.lower()} {name}[{record.process}]: {message}"


def parse(setting: str) -> tuple[int | None, bool]:
    """The level (None: off) and whether lines are JSON, of a setting such as `debug,json`.

    Raises:
        InputError: A word that is neither a level nor `json`.
    """
    level, as_json = None, False
    for word in filter(None, (part.strip().lower() for part in setting.split(","))):
        if word == "json":
            as_json = True
        elif word in LEVELS:
            level = LEVELS[word]
        else:
            raise InputError(
                f"{VARIABLE}={setting}: expected one of {', '.join(LEVELS)}, and json for JSON "
                f"lines, such as {VARIABLE}=info,json"
            )
    if as_json and level is None:
        level = logging.INFO
    return level, as_json


def configure(verbosity: int = 0) -> None:
    """Set the handler of this process, and the variable that its worker processes read.

    Args:
        verbosity: How often `-v` was given: 1 info, 2 or more debug; 0 leaves it to the variable.

    Raises:
        InputError: The variable MUTRANSFER_LOG cannot be read.
    """
    level, as_json = parse(os.environ.get(VARIABLE, ""))
    if verbosity:
        level = logging.INFO if verbosity == 1 else logging.DEBUG
        word = next(name for name, value in LEVELS.items() if value == level)
        os.environ[VARIABLE] = f"{word},json" if as_json else word
    for handler in list(ROOT.handlers):
        ROOT.removeHandler(handler)
    if level is None:
        ROOT.addHandler(logging.NullHandler())
        ROOT.setLevel(logging.NOTSET)
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    ROOT.addHandler(handler)
    ROOT.setLevel(level)
    ROOT.propagate = False


def configure_from_environment() -> None:
    """Set the handler of a worker process, as the process that started it was told."""
    configure()
