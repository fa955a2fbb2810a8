"""Names of optimizers of a user's own: `package.module:Class`, then its arguments as JSON.

The name alone says how the optimizer is made, so a plan that was saved can make it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mutransfer_cli.catalog.callable_name import is_callable


def own_name(path: str, args: Mapping[str, Any]) -> str:
    """The name of a class with arguments; the path itself if there are none."""
    return path + (json.dumps(dict(args), sort_keys=True) if args else "")


def parts_of_name(name: str) -> tuple[str, dict[str, Any]]:
    """The import path of a name, and the arguments."""
    path, brace, rest = name.partition("{")
    return path, json.loads(brace + rest) if brace else {}


def is_own(name: object) -> bool:
    """Whether a name is the import path of a class, with or without arguments."""
    if not isinstance(name, str) or not is_callable(name.partition("{")[0]):
        return False
    try:
        return isinstance(parts_of_name(name)[1], dict)
    except ValueError:
        return False
