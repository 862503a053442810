"""Recordings, raw samples, and what the process that captures sends."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from kwsd.audio.capture.wire import AUDIO, FAILED, FAULT, FOUND, LOG, Message, Unpacker
from kwsd.audio.decoding.files import read_clip
from kwsd.audio.decoding.pcm import PcmSource
from kwsd.audio.source import Block
from targets.chance import NUMBERS, spoilt
from targets.checking import Check, refusal, timed


def recording(kind: str) -> bytes:
    """A quarter of a second of noise."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(2).normal(0, 0.1, 4_000)
    soundfile.write(buffer, noise, 16_000, format=kind)
    return buffer.getvalue()


RECORDINGS = {kind: recording(kind) for kind in ("WAV", "FLAC", "OGG", "AIFF", "CAF", "W64", "AU")}


@contextmanager
def recordings(folder: Path) -> Iterator[Check]:
    """A file's kind and its bytes."""

    def check(given: tuple[str, bytes]) -> None:
        path = folder / f"a.{given[0].lower()}"
        path.write_bytes(given[1])
        text = refusal(lambda: read_clip(path))
        assert not text or str(path) in text

    yield check


def make_recording(random: Random) -> tuple[str, bytes]:
    kind = random.choice(list(RECORDINGS))
    return kind, spoilt(RECORDINGS[kind], random, random.choice((64, 120, 10_000)))


@contextmanager
def samples(_: Path) -> Iterator[Check]:
    """Raw samples; or what begins as a recording does, and is refused as one."""

    def check(data: bytes) -> None:
        blocks: list[Block] = []
        text = refusal(lambda: blocks.extend(PcmSource(io.BytesIO(data)).blocks()))
        if text:
            assert "not raw samples" in text
            assert not blocks
        else:
            assert sum(len(block.samples) for block in blocks) == len(data) // 2

    yield check


@contextmanager
def captures(_: Path) -> Iterator[Check]:
    """What comes through the pipe of the process that captures: messages, or a ValueError, however it is cut."""

    def check(data: bytes) -> None:
        def told(pieces: list[bytes]) -> tuple[list[Message], bool]:
            unpacker, messages = Unpacker(), []
            try:
                for piece in pieces:
                    for message in unpacker.feed(piece):
                        assert message.kind != AUDIO or len(message.payload) % 2 == 0
                        assert message.text is not None
                        messages.append(message)
            except ValueError:
                return messages, False
            return messages, True

        with timed():
            assert told([data]) == told([data[:7], data[7:20], data[20:]])

    yield check


def make_capture(random: Random) -> bytes:
    kinds = (FOUND, AUDIO, FAILED, FAULT, LOG)
    sent = b"".join(
        Message(random.choice(kinds), random.randbytes(random.randrange(20)), random.choice(NUMBERS)).pack()
        for _ in range(random.randrange(5))
    )
    return spoilt(sent, random, len(sent)) if random.random() < 0.8 else sent
