"""Imports the transformers package; a torchvision that is broken is kept out of its way."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.user_code import BUILD


def import_transformers() -> Any:
    """The package.

    Transformers imports torchvision where it is installed. One that does not fit the installed
    torch raises, so it reads as missing while transformers looks for it, which it does once.

    Raises:
        InputError: The package is not installed.
    """
    if "transformers" not in sys.modules and "torchvision" not in sys.modules:
        sys.modules["torchvision"] = None  # type: ignore[assignment]  # reads as: not installed
        try:
            importlib.import_module("transformers.utils").is_torchvision_available()  # remembered
        except ImportError as error:
            raise InputError(
                f"hf: needs the package transformers: pip install 'mutransfer[hf]' ({error})",
                path=BUILD,
            ) from error
        finally:
            del sys.modules["torchvision"]
    package: Any = importlib.import_module("transformers")
    package.logging.set_verbosity_error()
    return package
