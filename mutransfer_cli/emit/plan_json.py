"""Format `json`: the document of `scale` itself."""

from __future__ import annotations

import json

from mutransfer_cli.rules.document import ScaleDocument, dumped


def emit(document: ScaleDocument) -> str:
    return json.dumps(dumped(document), indent=2) + "\n"
