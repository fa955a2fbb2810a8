"""A trial that the user's own program trains: its command, its folder and its plan."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json, write_text
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.placeholders import (
    as_argument,
    fill_placeholders,
    hyperparameter_arguments,
    placeholders_in,
    split_command,
)
from mutransfer_cli.recipe.schema.train import Program
from mutransfer_cli.recipe.size import Size

PLAN, OUTPUT, COMMAND, ENDED = "plan.json", "output.txt", "command.json", "ended.json"


@dataclass(frozen=True, slots=True)
class ProgramTrial:
    """One trial, ready to be started.

    Attributes:
        program: The recipe's `train.command` with its loss.
        folder: Absolute path of the trial's folder.
        values: Value of every placeholder.
    """

    program: Program
    folder: Path
    values: dict[str, str]

    @property
    def words(self) -> list[str]:
        """Program and arguments; a value never becomes two words."""
        return [
            fill_placeholders(word, self.values) for word in split_command(self.program.command)
        ]

    @property
    def output(self) -> Path:
        """The file with the program's output, stdout and stderr combined."""
        return self.folder / OUTPUT

    @property
    def ended(self) -> Path:
        """The file that says that the program exited with 0."""
        return self.folder / ENDED

    @property
    def loss_file(self) -> Path | None:
        """The file that the program writes its loss to; None if it prints the loss."""
        file = self.program.loss.file
        return None if file is None else self.folder / fill_placeholders(file, self.values)


def folder_name(size: Size, seed: int, hyperparameters: Mapping[str, float]) -> str:
    """The name of a trial's folder: readable, and unique for every setting."""
    setting = "-".join(f"{name}{value:.4g}" for name, value in hyperparameters.items())
    key = repr((size, seed, sorted(hyperparameters.items())))
    digest = blake2b(key.encode(), digest_size=4).hexdigest()
    name = f"width{size.width}-seed{seed}-{setting}"[:100].replace("/", "_")
    return f"{name}-{digest}"


def program_trial(
    proxies: ProxyFactory,
    size: Size,
    seed: int,
    hyperparameters: Mapping[str, float],
    root: Path,
    device: str,
) -> ProgramTrial:
    """A trial of a program; nothing is written.

    Args:
        proxies: Knows the recipe, which has a section `train`.
        size: Size of the trial.
        seed: Seed of the trial.
        hyperparameters: Values that replace those of the recipe.
        root: The folder of all trials.
        device: What `{device}` stands for.
    """
    recipe = proxies.with_hyperparameters(hyperparameters).recipe
    assert recipe.program is not None
    folder = root.resolve() / folder_name(size, seed, hyperparameters)
    values = hyperparameter_arguments(recipe) | {
        "plan": str(folder / PLAN),
        "out": str(folder),
        "python": sys.executable,
        "device": device,
        "seed": str(seed),
        **{axis: str(getattr(size, axis)) for axis in SIZES},
    }
    values |= {name: as_argument(value) for name, value in hyperparameters.items()}
    return ProgramTrial(recipe.program, folder, values)


def prepare(trial: ProgramTrial, plan: Plan) -> None:
    """Write a trial's plan and command into its folder; what the program left there is kept.

    Args:
        trial: The trial.
        plan: Its plan.

    Raises:
        InputError: The folder cannot be written.
    """
    run = trial.folder.parent.parent
    if not run.is_dir():
        raise InputError(f"{run}: was deleted or moved while its trials were running")
    trial.ended.unlink(missing_ok=True)
    plan.save(trial.folder / PLAN)
    write_text(trial.folder / COMMAND, json.dumps(trial.words, indent=1) + "\n")


def mark_ended(trial: ProgramTrial, seconds: float, code: str) -> None:
    """Remember on disk that a program exited with 0, so that its loss can be read later.

    Args:
        trial: The trial.
        seconds: How long it took.
        code: Digest of the code and files that it was made with.
    """
    write_text(trial.ended, json.dumps({"seconds": seconds, "made_with": code}) + "\n")


def seconds_if_ended(trial: ProgramTrial, code: str) -> float | None:
    """Seconds of a program that exited with 0; None: it did not, or was made with something else.

    Args:
        trial: The trial.
        code: Digest of the code and files of today.
    """
    try:
        values = read_json(trial.ended)
        return float(values["seconds"]) if values["made_with"] == code else None
    except (InputError, KeyError, TypeError, ValueError):
        return None


def require_program(program: Program) -> None:
    """Check that the command's program exists.

    Raises:
        InputError: It does not exist or is not executable.
    """
    word = split_command(program.command)[0].replace("{python}", sys.executable)
    if placeholders_in(word):
        return
    if shutil.which(word) is None:
        hint = "; {python} is the Python that runs mutransfer" if "python" in word else ""
        raise InputError(
            f"{word}: no such program on the PATH, or not executable{hint}",
            path=("train", "command"),
        )
