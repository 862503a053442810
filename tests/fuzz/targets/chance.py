"""Inputs made by chance: data that is spoilt, values on the edge of something, trees in which something is replaced."""

from __future__ import annotations

from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def spoilt(data: bytes, random: Random, within: int) -> bytes:
    """`data` with pieces of its first bytes replaced, taken out, put in, repeated, or set to numbers on an edge."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        at, length = random.randrange(min(within, len(data)) + 1), random.choice((0, 1, 1, 2, 4, 4, 8))
        piece = random.randbytes(random.choice((0, 1, 1, 2, 4, 8)))
        kind = random.random()
        if kind < 0.3:
            piece = random.choice(NUMBERS).to_bytes(8, random.choice(("little", "big")))[-4 if kind < 0.1 else 0 :][:4]
            length = len(piece)
        elif kind < 0.4 and data:
            start = random.randrange(len(data))
            piece = data[start : start + 32]
        elif kind < 0.45:
            return data[:at]
        data = data[:at] + piece + data[at + length :]
    return data


SINGLE = (
    None, True, False, 0, 1, -1, 2, 35, 16_000, 2**31, 2**63, -(2**63), 10**400, 0.0, -0.5, 0.5, 1e308, float("nan"),
    float("inf"), "", "a", "yes", "*", "0", "true", "\0", "\n", "../../etc/passwd", "/dev/zero", "/", ".", "~x", "é",
    "\ud800", "😀", "x" * 300, "'", '"', "`id`", "clap", "wav2vec2", "Wav2Vec2ForSequenceClassification", [], {}, [[]],
    ["yes"], [""], {"yes": 0.5}, {"shell": "true"}, {"0": "yes", "1": "no"}, {"/dev/zero": "0"}, {"../1": "0"},
    {"\n": "\x1b[1m"},
)  # fmt: skip


def any_value(random: Random, depth: int = 3) -> Any:
    """A value as JSON and TOML have them, mostly one on the edge of something."""
    kind = random.random()
    if depth and kind < 0.12:
        return [any_value(random, depth - 1) for _ in range(random.randrange(4))]
    if depth and kind < 0.24:
        return {any_text(random): any_value(random, depth - 1) for _ in range(random.randrange(4))}
    if kind < 0.3:
        return random.choice((random.randint(-(10**6), 10**6), random.random() * 10, any_text(random)))
    return random.choice(SINGLE)


def any_text(random: Random) -> str:
    return "".join(chr(random.choice((random.randrange(32, 127), random.randrange(0xD7FF)))) for _ in range(5))


def replanted(tree: Any, random: Random) -> Any:
    """A JSON value with something in it replaced, removed or added."""
    if not isinstance(tree, (dict, list)) or not tree or random.random() < 0.1:
        return any_value(random)
    place: Any = random.choice(list(tree)) if isinstance(tree, dict) else random.randrange(len(tree))
    tree = tree.copy()
    kind = random.random()
    if kind < 0.1:
        tree.pop(place)
    elif isinstance(tree, dict) and kind < 0.2:
        tree[any_text(random)] = any_value(random)
    elif kind < 0.6:
        tree[place] = any_value(random)
    else:
        tree[place] = replanted(tree[place], random)
    return tree
