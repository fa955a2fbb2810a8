"""How a recipe names a callable of the user's own."""

from __future__ import annotations

import re

CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_callable(text: str) -> bool:
    """Has it the form package.module:callable?"""
    return CALLABLE.fullmatch(text) is not None and not text.startswith("hf:")
