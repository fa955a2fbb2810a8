"""What the gallery shows: a question, and the runs that answer it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.ladder_table import LADDERS, Ladder

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery"


@dataclass(frozen=True)
class Side:
    """One run of a page.

    Attributes:
        name: What tells it from the other runs of the page; its files are called so.
        recipe: The recipe, without folder `recipes` and suffix.
        sets: What differs from the recipe, as for --set.
        ladder: The ladder of `tests/benchmarks/ladder_table.py` that holds its trials, for a run
            that is a benchmark too; None: it is swept here.
        data: What writes the data that the recipe reads, as a line for a shell.
    """

    name: str
    recipe: str
    sets: tuple[str, ...] = ()
    ladder: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Entry:
    """One page of the gallery.

    Attributes:
        name: Name of the page and of its folder.
        question: What was asked, in a sentence.
        sides: The runs, the control last.
    """

    name: str
    question: str
    sides: tuple[Side, ...]


GPT = "ladders/gpt-stdlib"
SP = "parameterization=sp"
LION = "optimizer={name: lion, lr: 0.002, betas: [0.9, 0.99], weight_decay: 0.0}"
MUON = "optimizer={name: muon, lr: 0.03125, weight_decay: 0.0}"
SGD = "optimizer={name: sgd, lr: 0.125, momentum: 0.9}"
STDLIB = """$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"""
CORPUS = f"cat {STDLIB}/*/*.py > corpus.txt"
THREE_WIDTHS = "ladder.width=[16, 32, 64]"
BY_NAME = {ladder.name: ladder for ladder in LADDERS}


def rates(low: int, high: int) -> str:
    """--set for a grid of learning rates from 2^low to 2^high."""
    return f"search.space={{lr: {{log2: [{low}, {high}], step: 1.0}}}}"


def with_control(recipe: str, *sets: str) -> tuple[Side, Side]:
    """A recipe, and the same one in the standard parameterization."""
    return Side("mup", recipe, sets), Side("sp", recipe, (*sets, SP))


def trained(name: str, ladder: str) -> Side:
    """A run that is a benchmark too."""
    row: Ladder = BY_NAME[ladder]
    return Side(name, f"ladders/{row.recipe}", row.sets, ladder)


ENTRIES = (
    Entry(
        "mlp-adamw",
        "Does the learning rate of an MLP under AdamW transfer across width?",
        (trained("mup", "mlp-mup-adamw"), trained("sp", "mlp-sp-adamw")),
    ),
    Entry(
        "mlp-sgd",
        "Does the learning rate of an MLP under SGD transfer across width?",
        (
            trained("mup", "mlp-mup-sgd"),
            Side("sp", "ladders/mlp-teacher", (SGD, rates(-9, -1), SP)),
        ),
    ),
    Entry(
        "mlp-muon",
        "Does the learning rate of an MLP under Muon transfer across width?",
        (
            trained("mup", "mlp-mup-muon"),
            Side("sp", "ladders/mlp-teacher", (MUON, THREE_WIDTHS, rates(-9, -1), SP)),
        ),
    ),
    Entry(
        "mlp-lion",
        "Does the learning rate of an MLP under Lion transfer across width?",
        (
            trained("mup", "mlp-mup-lion"),
            Side("sp", "ladders/mlp-teacher", (LION, THREE_WIDTHS, rates(-14, -6), SP)),
        ),
    ),
    Entry(
        "gpt-adamw",
        "Does the learning rate of a GPT under AdamW transfer across width?",
        (trained("mup", "gpt-mup"), trained("sp", "gpt-sp")),
    ),
    Entry(
        "gpt-wide",
        "Does it still hold at widths from 64 to 1024?",
        (trained("mup", "gpt-mup-wide"), trained("sp", "gpt-sp-wide")),
    ),
    Entry(
        "gpt-sgd",
        "Does the learning rate of a GPT under SGD with momentum transfer across width?",
        with_control(GPT, SGD, rates(-5, 3), THREE_WIDTHS),
    ),
    Entry(
        "gpt-muon",
        "Does the learning rate of a GPT under Muon transfer across width?",
        with_control(GPT, MUON, rates(-9, -1), THREE_WIDTHS),
    ),
    Entry(
        "gpt-depth",
        "Does the learning rate of a GPT transfer across depth?",
        (
            trained("completep", "gpt-completep-depth"),
            Side("mup", "gpt-depth", ("parameterization=mup", "ladder.depth=[1, 2, 3, 4]")),
        ),
    ),
    Entry(
        "convnet-depth",
        "Does the learning rate of a residual convolutional network transfer across depth?",
        (trained("completep", "convnet-completep-depth"),),
    ),
    Entry(
        "duration",
        "How does the best learning rate move with the training length?",
        (trained("mup", "mlp-mup-steps"), trained("no-rule", "mlp-sp-steps-no-horizon")),
    ),
    Entry(
        "batch",
        "How does the best learning rate move with the batch at a fixed number of steps?",
        (trained("mup", "mlp-mup-batch"),),
    ),
    Entry(
        "batch-and-duration",
        "How does it move along both axes of one ladder?",
        (Side("mup", "batch-and-duration"),),
    ),
    Entry(
        "rates-by-role",
        "Do rates of their own for the input and the readout pay, and do they transfer?",
        (Side("mup", "rates-by-role"),),
    ),
    Entry(
        "fixed-norm",
        "Does one learning rate of AdamH, whose weights keep their norm, serve every width?",
        with_control("fixed-norm"),
    ),
    Entry(
        "mixture-of-experts",
        "Does the learning rate transfer along the number, choice and width of experts?",
        (Side("mup", "mixture-of-experts"),),
    ),
    Entry(
        "llama",
        "Does the learning rate of a Hugging Face Llama transfer across width?",
        (Side("mup", "llama"),),
    ),
    Entry(
        "convnet",
        "Does the learning rate of a residual convolutional network transfer across channels?",
        (trained("mup", "convnet-mup"), Side("sp", "ladders/convnet-digits", (SP,))),
    ),
    Entry(
        "regression",
        "Does it transfer for a regression with a loss of its own?",
        (trained("mup", "regression-mup"), Side("sp", "ladders/regression", (SP,))),
    ),
    Entry(
        "embedding",
        "Do the learning rate and the init of the embedding of a GPT transfer at once?",
        (trained("mup", "gpt-mup-embedding"),),
    ),
    Entry(
        "gpt-text",
        "Which learning rate and embedding init suit a GPT on my own text?",
        (Side("mup", "gpt-text", data=CORPUS),),
    ),
    Entry(
        "embedding-rate",
        "How does the best rate of the embedding follow the width where the vocabulary is large?",
        (Side("mup", "embedding-rate"),),
    ),
    Entry(
        "digits-decay",
        "Do the learning rate and the weight decay of an MLP on noisy digits transfer?",
        (trained("mup", "digits-mup-decay"),),
    ),
    Entry(
        "digits",
        "Do the learning rate and the output multiplier of an MLP on digits transfer?",
        (Side("mup", "mlp-digits"),),
    ),
    Entry(
        "teacher",
        "What does the smallest recipe answer?",
        (Side("mup", "mlp-teacher"),),
    ),
    Entry(
        "quickstart",
        "Does the learning rate tuned on a narrow GPT hold for a wider one?",
        (Side("mup", "quickstart"), Side("sp", "quickstart-sp")),
    ),
)
NOT_RUN: dict[str, str] = {}
