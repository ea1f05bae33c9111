"""A TCP relay that ends a connection after so many bytes of the server's, or falls silent, as a bad line."""

from __future__ import annotations

import contextlib
import socket
import threading


class Relay:
    """Passes connections on to ``target_port`` of this machine; those in ``cuts`` end early.

    ``cuts`` holds the number of bytes after which the first, second, ... connection is cut; connections
    beyond it are whole. A ``silent`` relay doesn't cut: it passes on no more and leaves the connection open
    until it is closed itself.
    """

    def __init__(self, target_port: int, cuts: list[int], *, silent: bool = False) -> None:
        self._target = ("127.0.0.1", target_port)
        self._cuts = cuts
        self._closed = threading.Event()
        self._silence = self._closed if silent else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            left = self._cuts[self.connections] if self.connections < len(self._cuts) else None
            self.connections += 1
            server = socket.create_connection(self._target)
            threading.Thread(target=_pass_on, args=(client, server, None, None), daemon=True).start()
            threading.Thread(target=_pass_on, args=(server, client, left, self._silence), daemon=True).start()


def _pass_on(
    source: socket.socket, target: socket.socket, left: int | None, silence: threading.Event | None
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if left is not None:
                left -= len(data)
                if left <= 0:
                    if silence is not None:
                        silence.wait()
                    break
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
