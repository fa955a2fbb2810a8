"""Format `json`: the document of `scale` itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mutransfer_cli.documents.base import as_values
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import exact


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    return {"plan.json": json.dumps(as_values(job.document), indent=2) + "\n"}


STACK = Stack(
    Capabilities(
        parameterizations=("mup", "completep", "sp", "ntk", "mean-field", "umup"),
    ),
    exact,
    write,
)
