"""SIGINT and SIGTERM become Interrupted, after a write that is under way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest

from mutransfer_cli.errors import Interrupted
from mutransfer_cli.search.signals import (
    defer_signals,
    handle_termination,
    interrupted_by_signals,
    require_not_interrupted,
)


@pytest.fixture(autouse=True)
def handlers() -> object:
    """The process's own handlers, put back whatever a test does."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_raises_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match=number.name), handle_termination():
        signal.raise_signal(number)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_write_is_finished_first() -> None:
    done = []
    with pytest.raises(Interrupted, match="SIGTERM"), handle_termination():
        with defer_signals():
            with defer_signals():
                signal.raise_signal(signal.SIGTERM)
                done.append("inner")
            done.append("outer")  # the inner block's end is not the write's
        done.append("never")
    assert done == ["inner", "outer"]


def test_without_a_write_it_raises_at_once() -> None:
    done = []
    with pytest.raises(Interrupted), handle_termination():
        with defer_signals():
            done.append("write")
        signal.raise_signal(signal.SIGINT)
        done.append("never")
    assert done == ["write"]


def test_a_second_sigterm_does_not_disturb_the_tidying_up() -> None:
    with handle_termination():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # ignored: the test goes on
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN


def test_a_library_that_swallows_it_does_not_keep_the_sweep_going() -> None:
    with handle_termination():
        require_not_interrupted()  # the control: nothing was received
        with suppress(Exception):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted, match="SIGTERM"):
            require_not_interrupted()
    with handle_termination():
        require_not_interrupted()  # another sweep of the process


def test_a_command_ignores_what_comes_after_the_first_signal() -> None:
    """Also between the sweep's own handlers and the end of the process."""
    with pytest.raises(Interrupted), interrupted_by_signals():
        try:
            with handle_termination():
                signal.raise_signal(signal.SIGTERM)
        finally:
            with pytest.raises(Interrupted):
                signal.raise_signal(signal.SIGTERM)  # the sweep has put back the command's own
            signal.raise_signal(signal.SIGINT)
    for number in (signal.SIGINT, signal.SIGTERM):
        assert signal.getsignal(number) == signal.SIG_IGN


def test_a_command_that_ends_puts_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interrupted_by_signals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    with pytest.raises(ValueError), interrupted_by_signals():
        raise ValueError
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_other_threads_handle_no_signals() -> None:
    seen = []

    def work() -> None:
        with handle_termination(), defer_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


class Named:
    """Python before 3.12 turns whatever `__set_name__` raises into a RuntimeError."""

    def __set_name__(self, owner: type, name: str) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("block", [handle_termination, interrupted_by_signals])
def test_a_signal_that_code_turned_into_another_error(
    block: Callable[[], AbstractContextManager[None]],
) -> None:
    with pytest.raises(Interrupted, match="SIGTERM"), block():
        try:
            type("Owner", (), {"field": Named()})
        except Interrupted as error:  # Python 3.12 and later
            raise RuntimeError("Error calling __set_name__") from error
    with pytest.raises(ValueError, match="own"), block():
        raise ValueError("own")


def test_a_signal_that_an_import_swallowed_ends_the_sweep_that_follows() -> None:
    started = []
    with pytest.raises(Interrupted, match="SIGTERM"), interrupted_by_signals():
        with suppress(Exception):
            signal.raise_signal(signal.SIGTERM)
        with handle_termination():
            started.append("sweep")
    with handle_termination():
        started.append("next sweep")
    assert started == ["next sweep"]
