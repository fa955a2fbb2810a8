"""Feeds mutated files to readers, and reports whatever is not refused in one line."""

from __future__ import annotations

import importlib
import logging
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

from mutransfer_cli.errors import Inconclusive, InputError
from tests.fuzz.calls import remember_versions
from tests.fuzz.readers import Reader, mutate
from tests.fuzz.seeds import folder

SECONDS = 20  # of processor time for one input
LONGEST = 2000  # characters of a message
MEMORY = 8 << 30  # bytes, more than which no reader may need
# Functions of the readers' modules that write files or talk to a server: no file reaches them.
NOT_READING = frozenset({
    "write", "write_fit", "write_forecast", "write_plan", "write_curves", "write_base_shapes",
    "write_text", "write_bytes", "run_provenance", "pack", "plan_fields", "keep", "add",
    "distributions", "request_attributes", "result_attributes", "describe_environment",
    "git_revision", "undo_prepare", "update_environment", "retry", "is_outage", "start_limit",
    "engine_of", "random_state", "replacing", "write_atomically", "remove_abandoned",
})  # fmt: skip


class TooSlow(Exception):
    """An input took more than SECONDS of processor time."""


@dataclass
class Outcome:
    """What a campaign of one reader found.

    Attributes:
        counts: Inputs that were read, refused, and not refused cleanly.
        faults: One example of each place that failed: its input and its traceback.
        lines: Lines of each module that ran, and lines there are.
        seconds: How long it took.
        slowest: Seconds of the slowest input.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    lines: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    slowest: float = 0.0


def campaign(reader: Reader, count: int, seed: int, traced: int = 1000) -> Outcome:
    """Read `count` mutated files.

    Args:
        reader: What reads them.
        count: How many.
        seed: Seed of the mutations.
        traced: Inputs whose coverage is recorded, beside the valid files.
    """
    outcome, random = Outcome(), Random(f"{reader.name}-{seed}")
    valid, companions = reader.valid(), reader.companions()
    directory = folder() / reader.name
    directory.mkdir(exist_ok=True)
    coverage = Coverage(reader.modules)
    for content in valid:
        with coverage:
            verdict, _ = attempt(reader, directory, content, companions)
        assert verdict == "read", f"{reader.name}: a valid file is not read: {verdict}"
    started = time.process_time()
    for number in range(count):
        content = mutate(reader, valid, random)
        before = time.process_time()
        if number < traced:
            with coverage:
                verdict, trace = attempt(reader, directory, content, companions)
        else:
            verdict, trace = attempt(reader, directory, content, companions)
        outcome.slowest = max(outcome.slowest, time.process_time() - before)
        outcome.counts[verdict if verdict in ("read", "refused") else "fault"] += 1
        if verdict not in ("read", "refused"):
            outcome.faults.setdefault(verdict, (content, trace))
    outcome.seconds = time.process_time() - started
    outcome.lines = coverage.result()
    return outcome


def attempt(
    reader: Reader, directory: Path, content: bytes, companions: dict[str, bytes]
) -> tuple[str, str]:
    """Read one file: `read`, `refused`, or where it failed, with the traceback."""
    for old in directory.iterdir():
        if old.is_file() or old.is_symlink():
            old.unlink()
    for name, other in companions.items():
        (directory / name).write_bytes(other)
    path = directory / reader.file
    path.write_bytes(content)
    try:
        with limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(path)
    except (InputError, Inconclusive) as error:
        message = str(error)
        if len(message.splitlines()) > 1 or len(message) > LONGEST or not message:
            return f"not one line: {traceback.format_exc().splitlines()[-1][:60]}", message[:3000]
        return "refused", ""
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if "mutransfer_cli" in f.filename]
        where = own[-1] if own else frames[-1]
        name = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
        return name, traceback.format_exc()[-3000:]
    return "read", ""


@contextmanager
def limited() -> Iterator[None]:
    """Raise `TooSlow` after SECONDS of processor time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class Coverage:
    """Which lines of some modules ran, inside its context."""

    def __init__(self, modules: Sequence[str]) -> None:
        files = [importlib.import_module(name).__file__ for name in modules]
        self.files = {file for file in files if file is not None}
        self.seen: set[tuple[str, int]] = set()

    def __enter__(self) -> None:
        sys.settrace(self.call)

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)

    def call(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Trace the lines of functions in these files."""
        return self.line if frame.f_code.co_filename in self.files else None

    def line(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Note a line."""
        self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self.line

    def result(self) -> tuple[int, int]:
        """Lines that ran, and lines inside functions."""
        every = {(f, n) for f in self.files for n in function_lines(Path(f))}
        return len(every & self.seen), len(every)


def function_lines(path: Path) -> set[int]:
    """The lines of a module that run when its functions that read are called."""
    found: set[int] = set()
    queue: list[tuple[CodeType, bool]] = [(compile(path.read_text(), str(path), "exec"), False)]
    while queue:
        code, inside = queue.pop()
        if inside:
            lines = {line for _, _, line in code.co_lines() if line is not None}
            found |= lines - {code.co_firstlineno}
        for constant in code.co_consts:
            if isinstance(constant, CodeType) and constant.co_name not in NOT_READING:
                is_function = bool(constant.co_flags & 0x02)  # CO_NEWLOCALS: no class body
                queue.append((constant, is_function))
    return found


def prepare_process() -> None:
    """Let the process fail rather than the machine, silence it, and import only once."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    remember_versions()
