"""What a check asks of recipes: every parameterization with every optimizer that trains it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.recipe_check import width_request
from mutransfer_cli.coordcheck.verdict.regime import HIDDEN_ROLES
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads
from tests.helpers.changed_rates import multiply_learning_rates

MLP = """
model: {build: mlp}
data: {source: teacher, d_in: 32, d_out: 10}
"""
GPT = """
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
data: {source: stdlib, seq_len: 32}
"""
SIZES = "base: {width: 64, depth: 2, batch: 8, steps: 30}\nladder: {width: [64, 128]}\n"
LR = {"sgd": 0.05, "umup": 0.3}  # at the base; 0.003 for all others
WIDTHS = (64, 128, 256)
# checked under mup alone, in tests/coordcheck/measure/optimizer/test_initial_steps.py
UNDER_MUP = {"adamh", "muonh", "radam", "adopt", "schedulefree-adamw", "sophia", "shampoo", "soap"}
# with which umup is not trained here
SEEN_GRADIENT_SCALES = {
    *("sgd", "lion", "adafactor", "muon"),
    *("nadamw", "rmsprop", "adamax", "adagrad"),
}
TRAINABLE = [
    (parameterization, optimizer)
    for parameterization in PARAMETERIZATIONS.names
    for optimizer in OPTIMIZERS.names
    if optimizer not in UNDER_MUP
    and not (parameterization == "umup" and optimizer in SEEN_GRADIENT_SCALES)
]


TIED_GPT = GPT.replace("head_dim: 16}", "head_dim: 16, tied: true}")


@cache
def tied_request(parameterization: str, optimizer: str) -> CheckRequest:
    lr = LR.get(optimizer, 0.003)
    text = (
        f"name: tied\n{TIED_GPT}{SIZES}parameterization: {parameterization}\n"
        f"optimizer: {{name: {optimizer}, lr: {lr}}}\n"
    )
    return width_request(loads(text).recipe, WIDTHS, None)


@cache
def request_for(parameterization: str, optimizer: str, rules: str = "") -> CheckRequest:
    lr = LR.get(parameterization) or LR.get(optimizer, 0.003)
    text = (
        f"name: right\n{GPT if parameterization == 'umup' else MLP}{SIZES}"
        f"parameterization: {parameterization}\noptimizer: {{name: {optimizer}, lr: {lr}}}\n{rules}"
    )
    return width_request(loads(text).recipe, WIDTHS, None)


def hidden_tensors(request: CheckRequest) -> list[str]:
    return [n for n, e in request.expected.items() if e.role in HIDDEN_ROLES]


def with_hidden_lr(request: CheckRequest, power: float) -> CheckRequest:
    """The same models with the learning rates of the hidden matrices times m^power."""
    return with_lr(request, hidden_tensors(request), power)


def with_lr(request: CheckRequest, names: list[str], power: float) -> CheckRequest:
    """The same models with the learning rates of some tensors times m^power."""

    def build(width: int, seed: int) -> Subject:
        subject = request.build(width, seed)
        factor = (width / request.widths[0]) ** power
        multiply_learning_rates(subject.model, subject.optimizer, dict.fromkeys(names, factor))
        return subject

    return replace(request, build=build)
