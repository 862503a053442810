"""What a hook inherits: a short list of names, and the detection. All else of kwsd's environment stays with kwsd."""

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
"""What a program of the desktop needs to find its files, its language, its screen, its bus and its sound server."""
FAMILIES = ("LC_", "XDG_")
"""Whatever begins so is inherited, too."""
OURS = frozenset({
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
})  # fmt: skip
"""By these systemd talks to kwsd itself. A hook that had them could speak in its name, and gets them on no account."""


def environment(envelope: Envelope, ours: Mapping[str, str], passed: Collection[str] = ()) -> dict[str, str]:
    """Of our own environment the names above and those `passed`; and each key of the event's JSON form as KWSD_<KEY>:
    KWSD_WORD, KWSD_SCORE, KWSD_AT_S and so on, which go before all else. They are UTF-8 whatever the locale is."""
    wanted = (INHERITED | set(passed)) - OURS
    inherited = {name: value for name, value in ours.items() if name in wanted or name.startswith(FAMILIES)}
    return inherited | {f"KWSD_{key.upper()}": _utf8(str(value)) for key, value in envelope.to_dict().items()}


def _utf8(value: str) -> str:
    """What a child gets as `value` in UTF-8, though the locale lacks its letters, and no NUL."""
    return os.fsdecode(value.replace("\0", "").encode("utf-8", "surrogateescape"))
