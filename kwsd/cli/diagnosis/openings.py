"""Checks of `kwsd doctor` for what the daemon opens: each opens the same thing, and closes it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kwsd.cli.daemon_client import TurnedAway, ask
from kwsd.cli.diagnosis.findings import Finding, failed
from kwsd.config import Config, expanded, runtime_folder
from kwsd.errors import DeviceError
from kwsd.replacing import give_back, missing

_ANSWER_S = 3.0
"""Seconds to wait for a daemon; a healthy one answers at once, or within a second on a busy machine."""


def look_at_socket(config: Config) -> Iterator[Finding]:
    """Whether a daemon answers at the events' socket, or the socket can be created."""
    from kwsd.sinks.listening import answers, listen, unlink

    if config.socket.enabled is False:
        yield Finding("socket", "ok", "off")
        return
    path = config.socket.place
    if not config.socket.path and runtime_folder() is None:
        why = "a relative path, which is ignored" if os.environ.get("XDG_RUNTIME_DIR") else "not set"
        remedy = "log in to a systemd session, or name a path with --socket"
        yield Finding("socket", "warn", f"XDG_RUNTIME_DIR is {why}; the socket would be {path}", remedy)
    left = alive = False
    with suppress(OSError):  # `listen` reports what is wrong there
        left = path.is_socket()
        alive = answers(path)
    if alive:
        try:
            ask(path, _ANSWER_S)
        except TurnedAway as error:
            yield Finding("socket", "warn", error.what, error.remedy)
            return
        yield Finding("socket", "ok", f"a daemon listens at {path}; see `kwsd events`")
        return
    with _given_back(path.parent):
        server, identity = listen(path)
        unlink(path, identity)
        server.close()
    yield Finding(
        "socket", "ok", f"free: {path}{'; removed the socket that a dead daemon had left there' if left else ''}"
    )


def look_at_metrics(config: Config) -> Iterator[Finding]:
    """Whether the metrics can be served where they are asked for."""
    from kwsd.daemon.build import open_metrics
    from kwsd.daemon.metrics_server import served

    where = config.metrics.listen
    if not where:
        yield _off(config)
        return
    with _given_back(expanded(where).parent if "/" in where else Path("/")):
        try:
            server = open_metrics(config, lambda: "", failed=lambda _: None)
        except DeviceError:
            if not served(where):
                raise
            yield Finding("metrics", "ok", f"a daemon serves them at {where}")
            return
        if server is None:
            return
        address = server.address
        server.close()
    yield Finding("metrics", "ok", f"free: {address}")


def _off(config: Config) -> Finding:
    if config.metrics.public or config.metrics.token_file:
        remedy = "set metrics.listen or --metrics, or remove public and token_file"
        return Finding("metrics", "warn", "not served, though metrics.public or metrics.token_file is set", remedy)
    return Finding("metrics", "ok", "off")


def look_at_keeper(config: Config) -> Iterator[Finding]:
    """Whether detections can be kept in the folder that is asked for."""
    from kwsd.daemon.detection_keeper import make_folder

    if not config.keep.folder:
        yield Finding("saved detections", "ok", "off")
        return
    folder = expanded(config.keep.folder)
    with _given_back(folder):
        make_folder(folder)
        yield _writable(folder)


def _writable(folder: Path) -> Finding:
    """Whether files can be created in an existing folder."""
    what = "saved detections"
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding(what, "ok", str(folder))
    if os.statvfs(folder).f_flag & os.ST_RDONLY:  # which no chmod changes
        return failed(what, DeviceError(f"{folder} is on a read-only file system"))
    return Finding(what, "fail", f"{folder} cannot be written to", f"chown or chmod {folder}", DeviceError.exit_status)


@contextmanager
def _given_back(folder: Path) -> Iterator[None]:
    """Remove the folders that were made for the trial, unless something else was put into them."""
    made = missing(folder)
    try:
        yield
    finally:
        give_back(made)
