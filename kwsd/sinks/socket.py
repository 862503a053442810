"""Serves events as JSON Lines at a Unix socket, to other programs of the same user."""

from __future__ import annotations

import logging
import math
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from kwsd.envelope import Envelope
from kwsd.sinks.acceptor import Acceptor
from kwsd.sinks.descriptors import CLIENTS, room
from kwsd.sinks.listening import CROWDED_S
from kwsd.sinks.sink import encode
from kwsd.sinks.socket_file import HANGS_S, SocketFile
from kwsd.sinks.subscriber import Subscriber
from kwsd.waker import Waker, time_out

log = logging.getLogger(__name__)

INBOX = 1024
"""Most events that wait for the socket's thread; more gather only if it gets no CPU time at all."""


class SocketSink:
    """A server with one thread; each subscriber gets every event of every type from the time that it connects.

    A subscriber that does not read is dropped, with a line in the log, without effect on the others.
    """

    def __init__(
        self,
        path: Path,
        *,
        failed: Callable[[BaseException], None] = lambda _: None,
        given: socket.socket | None = None,
        status: Callable[[], bytes] | None = None,
        counted: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Listen at `path`, mode 0600.

        `given` is a socket that listens already, whose file belongs to its creator. A subscriber that sends the line
        "status" gets the result of `status`. `counted` is called with each new number of subscribers, `failed` with the
        error if the thread dies. Raises DeviceError where another daemon listens or the path cannot be used, and
        ConfigError for one that is too long.
        """
        self.path = path if given is None else Path(str(given.getsockname()))
        self._file: SocketFile | None = None  # one that was handed over is its creator's to look after
        if given is None:
            self._file = SocketFile(path)
            self._server = self._file.server
        else:
            self._server = given
        self._failed, self._status, self._counted = failed, status, counted
        self._room = room(CLIENTS)
        self._inbox: deque[bytes] = deque()
        self._clients: dict[int, Subscriber] = {}
        self._deadline = math.inf
        self._poll = select.poll()
        self._thread = threading.Thread(target=self._run, name="kwsd-socket", daemon=True)
        with ExitStack() as undo:  # else clients would wait at a socket without a server
            undo.callback(self._server.close)
            if self._file:
                undo.callback(self._file.remove)
            self._waker = undo.enter_context(closing(Waker()))
            self._acceptor = Acceptor(self._server, self.path, drop_newest=self._drop_newest)
            undo.callback(self._acceptor.close)
            self._thread.start()
            undo.pop_all()  # the thread does the same at its end

    def send(self, envelope: Envelope) -> None:
        """Queue the event for the thread."""
        if not self._thread.is_alive():
            return
        if len(self._inbox) >= INBOX:
            log.warning("%s: event %d is dropped, the socket's thread does not run", self.path, envelope.sequence)
            return
        self._inbox.append(encode(envelope))
        self._waker.wake()

    def close(self, deadline_s: float) -> None:
        """Give the subscribers `deadline_s` seconds to read what was sent, then remove the socket.

        A thread that hangs, as the socket's file lies on a mount that is gone, is left behind.
        """
        self._deadline = min(self._deadline, time.monotonic() + deadline_s)
        self._waker.wake()
        self._thread.join(deadline_s + HANGS_S)
        if self._thread.is_alive():
            log.warning("%s: the socket is not removed: is it on a mount that is gone?", self.path)

    def _run(self) -> None:
        try:
            self._poll.register(self._waker, select.POLLIN)
            self._poll.register(self._server, select.POLLIN)
            while not self._finished():
                self._step()
        except BaseException as error:
            self._failed(error)
        finally:
            if self._file:
                self._file.remove()
            self._acceptor.close()
            self._waker.close()
            for end in (self._server, *(client.socket for client in self._clients.values())):
                end.close()

    def _finished(self) -> bool:
        if self._deadline == math.inf:
            return False
        if self._inbox:  # this thread may have got no processor until the deadline
            return False
        return time.monotonic() >= self._deadline or not any(client.waiting for client in self._clients.values())

    def _step(self) -> None:
        """Wait for connections, data or events, and handle them."""
        left = min(self._deadline, self._file.due if self._file else math.inf) - time.monotonic()
        if not self._acceptor.take_spare():
            left = min(left, CROWDED_S)  # then try again; poll(2) cannot wait for a descriptor
        self._poll.modify(self._server, 0 if self._acceptor.spare is None else select.POLLIN)
        ready = dict(self._poll.poll(time_out(left)))
        self._waker.clear()
        # Before accepting connections: a new one may get the descriptor of a client that has left.
        for descriptor, client in list(self._clients.items()):
            client.hear(ready.get(descriptor, 0))
            if client.asks() and self._status:
                client.offer(self._status())
        self._take_in()
        if self._file and self._file.renewed():  # who still waited at the old one is taken in
            self._listen_at(self._file.server)
        while self._inbox:
            line = self._inbox.popleft()
            self._take_in()  # who connected before this event was sent gets it
            for client in self._clients.values():
                client.offer(line)
        for client in list(self._clients.values()):
            self._serve(client)

    def _listen_at(self, server: socket.socket) -> None:
        """Accept connections at another socket from now on; subscribers keep theirs."""
        self._poll.unregister(self._server)
        self._server.close()
        self._server = self._acceptor.server = server
        self._poll.register(server, select.POLLIN)

    def _take_in(self) -> None:
        """Accept waiting connections as long as there is room, and turn the others away."""
        for connection in self._acceptor.knocking():
            if len(self._clients) >= self._room:
                self._forget_who_left()
            if len(self._clients) >= self._room:
                self._acceptor.turn_away(connection, f"there are {self._room} already")
                continue
            if len(self._clients) < max(1, self._room // 2):
                self._acceptor.room()
            connection.setblocking(False)
            self._clients[connection.fileno()] = Subscriber(connection)
            self._poll.register(connection, select.POLLIN)
            self._counted(len(self._clients))

    def _forget_who_left(self) -> None:
        """Drop the subscribers that have hung up since this step polled them."""
        poll = select.poll()
        for client in self._clients.values():
            poll.register(client.socket, 0)  # a hang-up is always reported
        for descriptor, event in poll.poll(0):
            client = self._clients[descriptor]
            client.hear(event)
            self._serve(client)

    def _drop_newest(self) -> bool:
        """Drop the newest subscriber, to free its descriptor; False if there is none."""
        if not self._clients:
            return False
        newest = list(self._clients.values())[-1]
        newest.fault = "no file descriptor is left"
        self._drop(newest)
        return True

    def _serve(self, client: Subscriber) -> None:
        """Write to the client as far as there is room; drop it if it is gone or does not keep up."""
        client.write()
        if client.fault is None:
            self._poll.modify(client.socket, client.interest)
            return
        self._drop(client)

    def _drop(self, client: Subscriber) -> None:
        if client.fault:
            log.warning("%s: a subscriber is dropped: %s", self.path, client.fault)
        self._poll.unregister(client.socket)
        del self._clients[client.socket.fileno()]
        self._counted(len(self._clients))
        client.socket.close()
