"""Creates a listening Unix socket that only its user can reach and only one daemon uses."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from kwsd.errors import ConfigError, DeviceError
from kwsd.locking import try_lock

LONGEST = 107
"""Most bytes of a socket's path, by the kernel's struct sockaddr_un."""

_FIRST_INHERITED = 3
"""The first descriptor that systemd hands over."""

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Errors of `accept` where resources for a connection are lacking; the connection stays in the queue."""

CROWDED_S = 0.5
"""Seconds until the next attempt to accept a connection when no descriptor is free."""

_ALONE_S = 2.0
"""Longest wait for the lock, in seconds: more than a daemon takes between lock and listen()."""

Identity = tuple[int, int]
"""Device and inode number, which tell our socket from a later one under the same name."""


def check_length(path: Path, flag: str = "--socket") -> None:
    """Raise ConfigError, which names the flag that chooses another, for a path that is too long for a socket."""
    if len(os.fsencode(path)) > LONGEST:
        raise ConfigError(f"{path}: longer than the {LONGEST} bytes of a socket's path;", f"choose another with {flag}")


def listen(path: Path, *, flag: str = "--socket") -> tuple[socket.socket, Identity]:
    """A listening, non-blocking socket at `path` and its identity; mode 0600 from the start.

    A missing folder is created with mode 0700; a socket that a dead daemon left behind is replaced. Raises DeviceError
    if another process listens there or the path cannot be used, and ConfigError if it is too long; both name the flag
    that chooses another.
    """
    check_length(path, flag)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            _make_way(path, flag)
            # On Linux the file takes its mode from the socket, less the umask; umask() would affect all threads.
            os.fchmod(server.fileno(), 0o600)
            server.bind(os.fspath(path))
            path.chmod(0o600)  # elsewhere; nobody can connect before listen()
            server.listen(128)
        server.setblocking(False)
        status = path.lstat()
    except OSError as error:
        server.close()
        # mkdir(2) reports EEXIST for a file, or a dangling link, in place of the folder.
        why = f"{error.filename} is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise DeviceError(f"{path}: no socket can be made there: {why};", f"choose another path with {flag}") from error
    except BaseException:
        server.close()
        raise
    return server, (status.st_dev, status.st_ino)


def handed_over(environment: Mapping[str, str]) -> bool:
    """Whether systemd has handed sockets over to this process."""
    mine = environment.get("LISTEN_PID") == str(os.getpid())
    return mine and environment.get("LISTEN_FDS", "") not in ("", "0")


def inherited(environment: Mapping[str, str]) -> socket.socket | None:
    """The listening socket that systemd has handed over (LISTEN_FDS, see sd_listen_fds(3)), None if it has not.

    Raises DeviceError for anything but a listening Unix stream socket, and for more than one.
    """
    if not handed_over(environment):
        return None
    count = environment["LISTEN_FDS"]
    if count != "1":
        raise DeviceError(f"LISTEN_FDS={count}: kwsd serves one socket;", "leave one ListenStream= in its socket unit")
    try:
        given = socket.socket(fileno=_FIRST_INHERITED)
        fits = given.family == socket.AF_UNIX and given.type == socket.SOCK_STREAM
        if not fits or not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            given.detach()
            raise DeviceError("LISTEN_FDS: not a Unix stream socket that listens;", "see kwsd.socket for one")
    except OSError as error:
        raise DeviceError(f"LISTEN_FDS: descriptor {_FIRST_INHERITED} is not a socket ({error.strerror})") from error
    given.set_inheritable(False)
    given.setblocking(False)
    return given


def unlink(path: Path, identity: Identity) -> None:
    """Remove the socket's file, unless another socket has replaced it.

    To be called before the socket is closed, after which its inode number may be reused.
    """
    with contextlib.suppress(OSError):
        status = path.lstat()
        if (status.st_dev, status.st_ino) == identity:
            path.unlink()


def answers(path: Path) -> bool:
    """Whether a process listens at the socket `path`; False for a stale one. Raises OSError if there is no socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return False
        except BlockingIOError:  # it listens, and is busy
            return True
    return True


def _make_way(path: Path, flag: str) -> None:
    """Remove a socket that a dead daemon left at `path`. Raises DeviceError if it is in use or not a socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise DeviceError(f"{path}: a folder, not a socket;", f"choose a path in it with {flag}")
    if not stat.S_ISSOCK(mode):
        raise DeviceError(f"{path}: exists and is not a socket;", f"remove it, or choose another path with {flag}")
    if not answers(path):
        path.unlink()
        return
    instead = "--socket PATH or --no-socket" if flag == "--socket" else f"{flag} with another path"
    raise DeviceError(f"{path}: another kwsd listens there;", f"stop it, or use {instead}")


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep two daemons that start at once from both taking over the same dead socket.

    It locks only a folder that we own, and waits for a limited time: any user who can read the folder could hold the
    lock for ever.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            until = time.monotonic() + _ALONE_S
            while not try_lock(descriptor) and time.monotonic() < until:
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)
