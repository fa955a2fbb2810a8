"""`init` asks on a terminal, and writes the recipe at once elsewhere."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from mutransfer_cli.cli.init import init
from mutransfer_cli.cli.init_questions import minutes_of, widths_of
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load

PATIENCE = 120.0  # seconds for the next question


def on_terminal(folder: Path, answers: list[str], *arguments: str) -> tuple[int, str]:
    """The exit code and the screen of `init` on a terminal, which gets a line per question."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mutransfer_cli", "init", *arguments],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, close_fds=True,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(slave)
    screen, asked = "", 0
    while select.select([master], [], [], PATIENCE)[0]:
        try:
            part = os.read(master, 4096).decode()
        except OSError:  # the other end is closed: the process has ended
            break
        if not part:
            break
        screen += part
        while screen.count("]: ") > asked:
            line = answers[asked] if asked < len(answers) else ""
            os.write(master, f"{line}\n".encode())
            asked += 1
    os.close(master)
    return process.wait(timeout=PATIENCE), screen


def test_enter_takes_the_defaults(tmp_path: Path) -> None:
    code, screen = on_terminal(tmp_path, [], "asked.yaml")
    assert code == 0, screen
    assert screen.count("]: ") == 7  # model, data, optimizer, rules, widths, target, minutes
    assert "wrote asked.yaml; next: mutransfer check asked.yaml" in screen
    done = subprocess.run(
        [sys.executable, "-m", "mutransfer_cli", "init", "plain.yaml"],
        cwd=tmp_path, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Model" not in done.stderr
    asked, plain = ((tmp_path / f"{n}.yaml").read_text() for n in ("asked", "plain"))
    assert asked.replace("name: asked", "name: plain") == plain


def test_answers_become_the_recipe(tmp_path: Path) -> None:
    answers = [
        "mpl", "mlp", "digits", "sgd", "sp", "64", "32, 48, 96", "1000", "soon", "30",
    ]  # fmt: skip
    code, screen = on_terminal(tmp_path, answers, "r.yaml")
    assert code == 0, screen
    assert "--model mpl: expected" in screen
    assert "at least two widths" in screen and "minutes such as 30" in screen
    recipe = load(tmp_path / "r.yaml").recipe
    assert (recipe.data.source, recipe.optimizer.name) == ("digits", "sgd")
    assert recipe.parameterization == "sp"
    assert recipe.ladder.width == (32, 48, 96) and recipe.base.width == 48
    assert recipe.target is not None and recipe.target.width == 1000
    assert recipe.search.budget.minutes == 30
    assert (tmp_path / "r.yaml").read_text().count("#") > 8


def test_a_model_by_its_option_is_not_asked_for(tmp_path: Path) -> None:
    code, screen = on_terminal(tmp_path, [], "r.yaml", "--model", "mlp")
    assert code == 0 and "Optimizer" not in screen
    assert load(tmp_path / "r.yaml").recipe.model.build == "mlp"


@pytest.mark.parametrize("text", ["64", "a, b", "0, 64", ""])
def test_widths_that_are_none(text: str) -> None:
    with pytest.raises(InputError):
        widths_of(text)


def test_widths_and_minutes() -> None:
    assert widths_of("[128, 32,64]") == (32, 64, 128)
    assert (minutes_of("none"), minutes_of("2.5")) == (None, 2.5)
    for text in ("-1", "inf", "nan", "soon"):
        with pytest.raises(InputError):
            minutes_of(text)


def test_the_path_may_follow_o(tmp_path: Path) -> None:
    """As with the other commands that write a file."""
    init(output=tmp_path / "mine.yaml", model="mlp")
    init(tmp_path / "yours.yaml", model="mlp")
    texts = [(tmp_path / f"{name}.yaml").read_text() for name in ("mine", "yours")]
    assert texts[0].replace("name: mine", "name: yours") == texts[1]
    with pytest.raises(InputError, match=r"b\.yaml: expected one path"):
        init(tmp_path / "a.yaml", output=tmp_path / "b.yaml", model="mlp")
