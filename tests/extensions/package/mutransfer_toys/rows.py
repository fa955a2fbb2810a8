"""The rows: light, because every command reads them. They name what does the work."""

from __future__ import annotations

from mutransfer_cli.catalog.axes import AxisEntry
from mutransfer_cli.catalog.commands import CommandEntry
from mutransfer_cli.catalog.executors import ExecutorEntry
from mutransfer_cli.catalog.fields import Positive, Section
from mutransfer_cli.catalog.laws import LawEntry
from mutransfer_cli.catalog.loggers import LoggerEntry
from mutransfer_cli.catalog.models import Growth, ModelEntry
from mutransfer_cli.catalog.optimizers import OptimizerEntry
from mutransfer_cli.catalog.parameterizations import ParameterizationEntry
from mutransfer_cli.catalog.pruners import PrunerEntry
from mutransfer_cli.catalog.samplers import SamplerEntry
from mutransfer_cli.catalog.sources import SourceEntry
from mutransfer_cli.catalog.stack_entry import StackEntry

OPTIMIZER = OptimizerEntry(
    name="toy-sgd",
    summary="gradient descent",
    implementation="mutransfer_toys.optimizer:TOY_SGD",
    weight_decay=0.0,
)

PARAMETERIZATION = ParameterizationEntry(
    name="toy-constant",
    summary="init by fan-in, one learning rate",
    implementation="mutransfer_toys.parameterization:TOY_CONSTANT",
)


class LinearArguments(Section):
    """Arguments of `toy-linear` that do not grow."""

    d_in: Positive
    """Numbers per input."""
    d_out: Positive
    """Classes."""


MODEL = ModelEntry(
    name="toy-linear",
    summary="a product of matrices",
    implementation="mutransfer_toys.model:Linear",
    arguments=LinearArguments,
    grows={
        "width": Growth("d_hidden"),
        "depth": Growth("n_matrix"),
        "repeats": Growth("n_repeat"),
    },
    reads="vectors",
    from_data=("d_in", "d_out"),
)

AXIS = AxisEntry(
    name="repeats",
    summary="how often the hidden matrices are applied",
    implementation="mutransfer_toys.axis:follow_repeats",
    size="repeats",
    ratios=("repeats",),
    grows_model=True,
    default=1,
)

SOURCE = SourceEntry(
    name="toy-signs",
    summary="random numbers; the class is the sign of their sum",
    implementation="mutransfer_toys.source:open_signs",
    yields="vectors",
    d_in=8,
    d_out=2,
)

COMMAND = CommandEntry(
    name="toy-hello",
    summary="Say hello.",
    implementation="mutransfer_toys.command:hello",
)

STACK = StackEntry(
    name="toy-text",
    summary="a learning rate per line",
    implementation="mutransfer_toys.stack:TOY_TEXT",
    files=("rates.txt",),
    schedules=("constant",),
)

SAMPLER = SamplerEntry(
    name="toy-ends",
    summary="the ends of every range",
    implementation="mutransfer_toys.sampler:EndsSampler",
)

EXECUTOR = ExecutorEntry(
    name="toy-serial",
    summary="one trial after another",
    implementation="mutransfer_toys.executor:SerialExecutor",
)

PRUNER = PrunerEntry(
    name="toy-last",
    summary="worse than every reference",
    implementation="mutransfer_toys.pruner:TOY_LAST",
)

LAW = LawEntry(
    name="toy-mean",
    summary="the mean loss, whatever the size",
    implementation="mutransfer_toys.law:TOY_MEAN",
    sizes=(("params",),),
)

LOGGER = LoggerEntry(
    name="toy-lines",
    summary="a line per trial in RUN/trials.txt",
    implementation="mutransfer_toys.logger:LineLogger",
)
