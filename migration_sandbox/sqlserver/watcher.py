"""One thread that looks at the sockets of running statements: what arrives there means cancel, or hang-up."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator

from .wire.packets import Channel


class Watcher:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[socket.socket, Callable[[], None]] = {}
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watching(self, channel: Channel, on_input: Callable[[], None]) -> Iterator[None]:
        """on_input is called at most once, in the watcher's thread, before this ends."""
        with self._lock:
            self._watched[channel.socket] = on_input
        self._wake_writer.send(b"x")
        try:
            yield
        finally:
            with self._lock:
                self._watched.pop(channel.socket, None)

    def _run(self) -> None:
        while True:
            with self._lock:
                sockets = [sock for sock in self._watched if sock.fileno() >= 0]
            try:
                ready, _, _ = select.select([self._wake_reader, *sockets], [], [])
            except (OSError, ValueError):
                continue  # a socket was closed meanwhile
            for sock in ready:
                if sock is self._wake_reader:
                    sock.recv(4096)
                    continue
                self._notify(sock)

    def _notify(self, sock: socket.socket) -> None:
        with self._lock:
            on_input = self._watched.get(sock)
            # What woke us may have been this statement's own request, read since: only bytes that are there
            # now come from a client that doesn't wait for its answer.
            if on_input is None or not select.select([sock], [], [], 0)[0]:
                return
            del self._watched[sock]
            on_input()
