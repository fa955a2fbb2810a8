"""Watches the head of a Ray cluster: without it, calls of Ray never return.

Ray's own code ends a process whose head is gone for a minute, with code 1 and without a word that a
user could act on.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

ABSENCE_LIMIT = 30.0  # seconds; after 60, Ray's own code ends the process
ABSENCE_PAUSE = 0.5  # seconds between two looks
STUCK_LIMIT = 10.0  # further seconds that the sweep has to end by itself
ADVICE = "what was finished is kept: run the same command again"


def head_address() -> tuple[str, int] | None:
    """Host and port of the cluster's head; None for a ray:// connection, which breaks by itself."""
    import ray
    from ray.util.client import ray as client

    if client.is_connected():
        return None
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def answers(address: tuple[str, int]) -> bool:
    """Whether something takes connections at an address."""
    try:
        with socket.create_connection(address, timeout=5.0):
            return True
    except OSError:
        return False


def require_head(address: tuple[str, int] | None) -> None:
    """Wait for the head of the cluster if it does not answer; it may be restarting.

    Raises:
        ConnectionError: It does not answer for ABSENCE_LIMIT.
    """
    began = time.monotonic()
    while address is not None and not answers(address):
        if time.monotonic() - began > ABSENCE_LIMIT:
            raise ConnectionError(f"its head does not answer at {address[0]}:{address[1]}")
        time.sleep(ABSENCE_PAUSE)


def loss_message(reason: str) -> str:
    """What a user is told when the cluster is gone."""
    return f"--executor ray: the cluster is gone: {reason}; {ADVICE}"


class HeadWatch:
    """Ends the process with code 2 where the head is gone and a call of Ray does not return.

    Such a call cannot be interrupted: neither a signal nor an exception reaches it.
    """

    def __init__(self, address: tuple[str, int] | None) -> None:
        """Start to watch, in a thread of its own.

        Args:
            address: Host and port of the head; None: nothing is watched.
        """
        self.address, self.ended = address, threading.Event()
        if address is not None:
            threading.Thread(target=self._watch, args=(address,), daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self.ended.set()

    def _watch(self, address: tuple[str, int]) -> None:
        while not self.ended.wait(ABSENCE_PAUSE):
            try:
                require_head(address)
            except ConnectionError as error:
                if self.ended.wait(STUCK_LIMIT):
                    return
                print(f"mutransfer: error: {loss_message(str(error))}", file=sys.stderr, flush=True)
                os._exit(2)
