"""The `mutransfer` command: its subcommands, and the exit code of each kind of failure."""

from __future__ import annotations

import atexit
import errno
import gc
import re
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

import typer

from mutransfer_cli.catalog.commands import COMMANDS
from mutransfer_cli.cli.arguments.common_options import invocation, with_common_options
from mutransfer_cli.cli.supervision import INTERRUPTED, leave_threads
from mutransfer_cli.errors import Inconclusive, InputError, Interrupted, described, suggestion
from mutransfer_cli.quoting import one_line
from mutransfer_cli.redaction import redact, redact_command
from mutransfer_cli.version import __version__

FILE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}

app = typer.Typer(
    name="mutransfer",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(given: bool) -> None:
    """Print the version and exit if `--version` was given."""
    if given:
        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Tune a small model, configure the large one.

    Exit codes: 0 done or passed; 1 the answer is no; 2 wrong input; 3 inconclusive; 70 internal
    error; 130 interrupted.

    Example: mutransfer init recipe.yaml && mutransfer check recipe.yaml
    """


for row in COMMANDS:
    app.command(row.name, short_help=row.summary)(with_common_options(row.load(), row.keeps_stdout))


def print_line(text: str) -> None:
    """Print a line on stderr, with the name of the command before it and without passwords."""
    print(f"mutransfer: {one_line(redact(text))}", file=sys.stderr)


def print_traceback(error: BaseException) -> None:
    """Print the traceback of an error on stderr, without passwords that it quotes."""
    for part in traceback.format_exception(error):
        for line in part.splitlines():
            print(redact(line), file=sys.stderr)


def main() -> None:
    """Run the command line and exit with its code, whatever threads the user's code has started."""
    try:
        try:
            run()
        except KeyboardInterrupt as error:  # another one, while an error or the first was handled
            end_interrupted(error)
    except SystemExit as ended:
        leave_threads(ended.code)
        raise


def run() -> None:
    """Run the command line and exit with its code."""
    atexit.register(gc.freeze)  # Python's collection at its end would walk all of torch: 0.5 to 1 s
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:  # as Ctrl-C, from a batch system
        with suppress(ValueError):  # only the main thread may set it
            signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(standalone_mode=False, prog_name="mutransfer")
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except InputError as error:
        # it imports pydantic, which --help does not need
        from mutransfer_cli.cli.error_location import located

        fail(located(error, sys.argv[1:]), 2)
    except Inconclusive as error:
        print_line(f"inconclusive: {error}")
        sys.exit(3)
    except (KeyboardInterrupt, Interrupted) as error:
        end_interrupted(error)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in FILE_ERRORS:
            report_internal_error(error)
        path = f"{error.filename}: " if error.filename else ""
        fail(f"{path}{error.strerror}; finished work is kept", 2)
    except ModuleNotFoundError as error:
        report_missing_package(error)
        report_internal_error(error)
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt | Interrupted):
            end_interrupted(error.__cause__)  # Python before 3.12 wraps what __set_name__ raises
        report_usage_error(error)
        report_out_of_memory(error)
        report_internal_error(error)


def end_interrupted(error: KeyboardInterrupt | Interrupted) -> NoReturn:
    """Say that the user stopped the command, and exit with 130."""
    # a second one does not change the exit code: `timeout` and batch systems signal a whole group
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print_line(f"interrupted; {error.kept}" if isinstance(error, Interrupted) else "interrupted")
    sys.exit(INTERRUPTED)


def report_missing_package(error: ModuleNotFoundError) -> None:
    """Report a package that mutransfer needs and that is not installed; return after any other.

    It may be missing where mutransfer was installed without its dependencies, to keep a torch.
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        needed = requires("mutransfer") or []
    except PackageNotFoundError:
        needed = []
    modules = {"yaml": "PyYAML"}
    name = (error.name or "").partition(".")[0]
    package = modules.get(name, name)
    for requirement in needed:
        if re.split(r"[^\w-]", requirement)[0].lower() == package.lower():
            fail(f"{package} is not installed, and mutransfer needs it: pip install {package}", 2)


def report_usage_error(error: Exception) -> None:
    """Report a wrong option or argument in one line, and exit; return after any other error.

    The exceptions of typer are not public, so they are recognized by name and attributes.
    """
    if type(error).__name__ == "Abort":
        sys.exit(INTERRUPTED)
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]  # typer's class has this method
        sys.exit(2)
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        cause: Any = error.__cause__
        if hasattr(cause, "errors"):  # pydantic's, whose text does not show the value
            from mutransfer_cli.recipe.faults import value_message

            error.message = value_message(cause)  # type: ignore[attr-defined]  # typer's has one
        options = getattr(error, "possibilities", None) or ()  # near ones, sorted by name
        near = suggestion(getattr(error, "option_name", ""), options)
        if near:
            error.possibilities = None  # type: ignore[attr-defined]  # it would list them all
        context = getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context else ""
        print_line(f"error: {error.format_message().rstrip('.')}{near}{hint}")
        sys.exit(2)


def report_out_of_memory(error: Exception) -> None:
    """Say in one line that memory ran out, and exit; return after any other error."""
    if not isinstance(error, MemoryError | RuntimeError):
        return
    from mutransfer_cli.train.population.oom_split import is_out_of_memory

    if is_out_of_memory(error):
        said = described(error)
        fail(f"out of memory; take a smaller model, batch or sequence ({said})", 2)


def fail(error: object, code: int) -> None:
    """Print an error in one line, with `--debug` also its traceback, and exit."""
    current = sys.exception()
    if invocation.debug and current is not None:
        print_traceback(current)
    print_line(f"error: {error}")
    sys.exit(code)


def report_internal_error(error: Exception) -> None:
    """Print what developers need to fix an internal error, and exit with 70."""
    print_traceback(error)
    print_line(
        f"internal error in mutransfer {__version__}; please report the traceback above and the "
        f"command: {redact_command(sys.argv)}"
    )
    sys.exit(70)
