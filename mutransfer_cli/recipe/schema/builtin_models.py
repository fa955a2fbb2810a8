"""Arguments of the built-in models that do not grow (`model.args`)."""

from __future__ import annotations

from mutransfer_cli.catalog.models import MODELS

ARGUMENTS = {row.name: row.arguments for row in MODELS}
# The one argument of a built-in model that follows each axis.
WIDTH_ARGUMENT = {row.name: row.width_argument for row in MODELS}
DEPTH_ARGUMENT = {row.name: row.depth_argument for row in MODELS}
