"""When a new configuration is read, and by whom: a thread of its own."""

from __future__ import annotations

import queue
from collections.abc import Callable

from kwsd.config import Config
from kwsd.daemon.notify import Notifier
from kwsd.daemon.outlets import Outlets
from kwsd.daemon.reloading import TunableSpotter, taken_over
from kwsd.daemon.status import StatusLine
from kwsd.zoo import ModelCard


class Reloader:
    """Keeps the configuration that is in force, and reads it again whenever that is asked for.

    The file and the hooks' programs may lie on a mount that is gone, and the main thread has signals to serve.
    """

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config] | None,
        *,
        spotter: TunableSpotter,
        outlets: Outlets,
        notifier: Notifier,
        status: StatusLine,
    ) -> None:
        """`read` reads it again; None where nothing is to change."""
        self.config = config
        self._read, self._spotter, self._outlets = read, spotter, outlets
        self._notifier, self._status = notifier, status
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True for each time, False at the end

    @property
    def reloads(self) -> bool:
        """Whether there is anything to read again."""
        return self._read is not None

    def ask(self) -> None:
        """Read it again, soon."""
        self._asked.put(True)

    def stop(self) -> None:
        """Let `run` end."""
        self._asked.put(False)

    def run(self, card: ModelCard) -> None:
        """The thread's body, until `stop`: go on with what was read, with the old one where that is wrong for the model
        of the `card`."""
        while self._asked.get():
            assert self._read
            self._notifier.reloading()
            self.config = taken_over(self._read, self.config, card, self._spotter, self._outlets)
            self._status.reloaded()
