"""Commands of `mutransfer`, in the order of `--help`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEntry(Entry):
    """A row for a command.

    Attributes:
        document: `package.module:Model` of the JSON document that the command prints under
            `--json`; None if it prints none.
        further_documents: Documents that it prints for other arguments: name under which `schema`
            shows it, and `package.module:Model`.
        keeps_stdout: Whether stdout carries only what the command writes by
            `cli.terminal.output`; what else is printed, by the user's code say, goes to stderr.
    """

    document: str | None = None
    further_documents: tuple[tuple[str, str], ...] = ()
    keeps_stdout: bool = False

    def load_document(self) -> type[BaseModel]:
        """Import the pydantic model of the command's document."""
        assert self.document is not None
        return load_model(self.document)


def load_model(path: str) -> type[BaseModel]:
    """Import a pydantic model, named as `package.module:Model`."""
    module, _, attribute = path.partition(":")
    model: type[BaseModel] = getattr(import_module(module), attribute)
    return model


if TYPE_CHECKING:
    from pydantic import BaseModel

_CLI, _DOCUMENTS = "mutransfer_cli.cli", "mutransfer_cli.documents"

COMMANDS = Registry(
    "commands",
    CommandEntry,
    [
        CommandEntry(
            name="init",
            summary="Write a commented recipe that runs as it is.",
            implementation=f"{_CLI}.init:init",
            document=f"{_DOCUMENTS}.init:InitDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="shapes",
            summary="Show the plan of a recipe, one line per tensor.",
            implementation=f"{_CLI}.shapes:shapes",
            document=f"{_DOCUMENTS}.plan:ShapesDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="check",
            summary="Measure whether the parameterization is implemented correctly.",
            implementation=f"{_CLI}.check:check",
            document=f"{_DOCUMENTS}.check:CheckDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="sweep",
            summary="Train the proxies of a recipe.",
            implementation=f"{_CLI}.sweep:sweep",
            document=f"{_DOCUMENTS}.sweep:SweepDocument",
            further_documents=(("sweep-dry-run", f"{_DOCUMENTS}.sweep:DryRunDocument"),),
            keeps_stdout=True,
        ),
        CommandEntry(
            name="watch",
            summary="Show the state of a sweep until it ends.",
            implementation=f"{_CLI}.watch:watch",
            document=f"{_DOCUMENTS}.watch:WatchDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="fit",
            summary="Find the optimum of each rung and how well it transfers.",
            implementation=f"{_CLI}.fit:fit",
            document=f"{_DOCUMENTS}.fit:FitDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="predict",
            summary="Predict loss and optimum at a target, and score the forecast.",
            implementation=f"{_CLI}.predict:predict",
            document=f"{_DOCUMENTS}.predict:PredictDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="law",
            summary="Fit a scaling law to a table of runs.",
            implementation=f"{_CLI}.law:law",
            document=f"{_DOCUMENTS}.law:LawDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="scale",
            summary="Write the configuration of the large run.",
            implementation=f"{_CLI}.scale:scale",
            document=f"{_DOCUMENTS}.scale:ScaleDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="report",
            summary="Write one page that answers a run's question and shows why.",
            implementation=f"{_CLI}.report:report",
            document=f"{_DOCUMENTS}.report:ReportDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="probe",
            summary="Measure what the theory of learning predicts.",
            implementation=f"{_CLI}.probe:probe",
            document=f"{_DOCUMENTS}.probe:ProbeDocument",
            further_documents=(("probes", f"{_DOCUMENTS}.probe:ProbeListDocument"),),
            keeps_stdout=True,
        ),
        CommandEntry(
            name="summary",
            summary="Summarize a run.",
            implementation=f"{_CLI}.summary:summary",
            document=f"{_DOCUMENTS}.summary:SummaryDocument",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="schema",
            summary="Print the JSON Schema of a document.",
            implementation=f"{_CLI}.schema:schema",
            keeps_stdout=True,
        ),
        CommandEntry(
            name="doctor",
            summary="Show versions, devices and how fast trials run on them.",
            implementation=f"{_CLI}.doctor:doctor",
            document=f"{_DOCUMENTS}.doctor:DoctorDocument",
            keeps_stdout=True,
        ),
    ],
)
