"""Imports the transformers package, hiding a broken torchvision from it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.user_code import BUILD


def import_transformers() -> Any:
    """Import the package.

    Transformers imports torchvision if that is installed, and fails if it does not fit the
    installed torch. Therefore torchvision is hidden while transformers looks for it, which it does
    only once.

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
