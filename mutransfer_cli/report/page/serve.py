"""Serves the page of a sweep that is still running, to this machine alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import sleep

from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text

LOCAL = "127.0.0.1"
RECIPE = "recipe.yaml"  # every run directory has one
WAITING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mutransfer: waiting</title>
<meta http-equiv="refresh" content="{every}"></head>
<body><p>Waiting for the first trial. Now: {reason}</p></body></html>
"""
REFRESH = re.compile(r' data-refresh="\d+"|<meta http-equiv="refresh"[^>]*>')


class Quiet(SimpleHTTPRequestHandler):
    """Sends one file, whatever is asked for, and logs nothing."""

    def __init__(self, *args: object, page: Path) -> None:
        self.page = page
        super().__init__(*args)  # type: ignore[arg-type]  # as the server calls it

    def translate_path(self, path: str) -> str:
        """The page, for every path: nothing else of its folder can be read."""
        return str(self.page)

    def handle(self) -> None:
        """A browser that leaves before the page has been sent is no error."""
        with suppress(ConnectionError):
            super().handle()

    def end_headers(self) -> None:
        """A browser does not keep an old page."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def serve(page: Path, port: int) -> ThreadingHTTPServer:
    """Serve a page in a thread of its own.

    Args:
        page: The file, as it is at each request.
        port: Local port; 0: any that is free.

    Returns:
        The server, which runs until its `shutdown`.

    Raises:
        InputError: The port is taken or is none.
    """
    try:
        server = ThreadingHTTPServer((LOCAL, port), partial(Quiet, page=page))
    except (OSError, OverflowError) as error:
        raise InputError(f"--port {port}: {error}") from error
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def or_waiting(
    write: Callable[[], object], sources: Sequence[str], page: Path, every: int
) -> Callable[[], None]:
    """A function that writes the page, or one that says that no trial has ended yet.

    A page that was written before stays as it is.

    Args:
        write: Writes the page; raises `InputError` while there is nothing to show.
        sources: The runs; of a run directory the first trial is waited for.
        page: The file.
        every: Seconds until a browser loads the page again.
    """
    written = False

    def write_or_wait() -> None:
        nonlocal written
        try:
            write()
            written = True
        except InputError as error:
            if not any((Path(source) / RECIPE).is_file() for source in sources):
                raise
            if not written:
                write_text(page, WAITING.format(every=every, reason=escape(str(error))))

    return write_or_wait


def write_again(write: Callable[[], object], every: float) -> None:
    """Write a page every so many seconds, until Ctrl-C."""
    while True:
        sleep(every)
        write()


def keep(page: Path) -> None:
    """Leave a page that no browser loads again: it is not served any more."""
    write_text(page, REFRESH.sub("", page.read_text(encoding="utf-8"), count=1))
