"""The environment of a hook: a short list of kwsd's own variables, and the detection; nothing else is passed on."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from kwsd.envelope import Envelope

INHERITED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERM",
    "LANG", "LANGUAGE", "TZ",
    "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS",
    "PULSE_SERVER", "PULSE_COOKIE", "PIPEWIRE_REMOTE", "PIPEWIRE_RUNTIME_DIR",
})  # fmt: skip
"""What a desktop program needs to find its files, its language, its display, its bus and its sound server."""
FAMILIES = ("LC_", "XDG_")
"""Variables whose names begin so are inherited, too."""
OURS = frozenset({
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
})  # fmt: skip
"""Variables by which systemd addresses kwsd itself. A hook never gets them, as it could act in kwsd's name."""


def environment(envelope: Envelope, ours: Mapping[str, str], passed: Collection[str] = ()) -> dict[str, str]:
    """The variables of our own environment `ours` that a hook inherits, those `passed`, and the event's.

    Each key of the event's JSON form becomes KWSD_<KEY>: KWSD_WORD, KWSD_SCORE, KWSD_AT_S and so on, which take
    precedence. They are UTF-8 whatever the locale is.
    """
    wanted = (INHERITED | set(passed)) - OURS
    inherited = {name: value for name, value in ours.items() if name in wanted or name.startswith(FAMILIES)}
    return inherited | {f"KWSD_{key.upper()}": _utf8(str(value)) for key, value in envelope.to_dict().items()}


def _utf8(value: str) -> str:
    """The string that a child process gets as `value` in UTF-8, whatever the locale is; without NUL characters."""
    return os.fsdecode(value.replace("\0", "").encode("utf-8", "surrogateescape"))
