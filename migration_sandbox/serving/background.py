"""What works off a server's queue: one thread that sleeps until it is woken."""

import threading
from abc import ABC, abstractmethod

_IDLE_SECONDS = 0.2


class Background(ABC):
    """A subclass says in `work` what one turn does."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="bulk", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=10)

    @abstractmethod
    def work(self) -> bool:
        """One turn; false where there was nothing to do."""

    def _loop(self) -> None:
        while not self._stopping:
            if not self.work():
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()
