"""Finds out why a card's input is not in PortAudio's list, which leaves out, without a word, what it cannot open."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NODES, _CARDS = Path("/dev/snd"), Path("/proc/asound")
_NODE = re.compile(r"pcmC(\d+)D(\d+)c")


@dataclass(frozen=True, slots=True)
class UnlistedInput:
    """An input that cannot be opened now: its `name` as PortAudio would list it, the reason and the remedy."""

    name: str
    why: str
    remedy: str


def unlisted_inputs() -> Iterator[UnlistedInput]:
    """The inputs of ALSA's cards that this user may not open, or that another program has opened."""
    for node in sorted(_NODES.glob("pcmC*D*c")):
        if not (found := _NODE.fullmatch(node.name)):
            continue
        card, device = found.groups()
        stream = _CARDS / f"card{card}" / f"pcm{device}c"
        told = _read(stream / "info")
        name = ": ".join(filter(None, (_card_name(card), _value(told, "name")))) + f" (hw:{card},{device})"
        if not os.access(node, os.R_OK | os.W_OK):
            yield UnlistedInput(name, f"is not for this user ({node})", _admittance(node))
        elif _value(told, "subdevices_avail") == "0":
            yield UnlistedInput(name, f"is in use by {_holder(stream)}", "end that program")


def _card_name(card: str) -> str:
    found = re.search(rf"^ *{card} \[.*?\]: .*? - (.*)$", _read(_CARDS / "cards"), re.MULTILINE)
    return found[1].strip() if found else f"card {card}"


def _admittance(node: Path) -> str:
    """What lets this user open a device."""
    import grp

    with suppress(OSError, KeyError):
        group = grp.getgrgid(node.stat().st_gid).gr_name
        if group != "root":
            return f"add the user to the group {group} (usermod -aG {group} NAME), and log in again"
    return "give the user access to it"


def _holder(stream: Path) -> str:
    """The program that has opened a stream, as far as this user can see."""
    for status in sorted(stream.glob("sub*/status")):
        owner = _value(_read(status), "owner_pid")
        if owner not in ("", "0"):  # 0: outside this container
            program = _read(Path("/proc") / owner / "comm").strip()
            return f"process {owner}" + (f" ({program})" if program else "")
    return "another program"


def _value(told: str, key: str) -> str:
    found = re.search(rf"^{key} *: *(.*)$", told, re.MULTILINE)
    return found[1].strip() if found else ""


def _read(path: Path) -> str:
    """The content of a file of the kernel; "" where there is none, or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
