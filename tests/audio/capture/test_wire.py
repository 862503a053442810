from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.audio.capture.wire import AUDIO, FAILED, FAULT, FOUND, LOG, LONGEST, Message, Unpacker

MESSAGES = [
    Message(FOUND, "Mikrofön".encode()),
    Message(AUDIO, np.arange(-3, 3, dtype=np.int16).tobytes(), lost=1 << 40),
    Message(LOG, b"20open"),
    Message(AUDIO),
    Message(FAILED, b"gone"),
    Message(FAULT, b"capture failed: KeyError"),
]


@given(st.lists(st.integers(1, 40), min_size=1))
def test_messages_come_out_whole_however_they_were_cut(cuts: list[int]) -> None:
    data = b"".join(message.pack() for message in MESSAGES)
    unpacker, found = Unpacker(), []
    while data:
        cut = cuts[len(found) % len(cuts)]
        found += unpacker.feed(data[:cut])
        data = data[cut:]
    assert found == MESSAGES
    assert found[0].text == "Mikrofön"


@pytest.mark.parametrize(
    "data", [b"?" * 13, Message(AUDIO, b"odd").pack(), Message(AUDIO).pack()[:1] + (LONGEST + 2).to_bytes(12, "little")]
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no message begins"):
        list(Unpacker().feed(data))


def test_a_message_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no message begins"):
        list(Unpacker().feed(Message(b"Z", b"short").pack()))


def test_the_longest_payload_arrives() -> None:
    longest = Message(AUDIO, bytes(LONGEST))
    assert list(Unpacker().feed(longest.pack())) == [longest]


def test_a_text_that_is_no_utf_8_can_still_be_read() -> None:
    assert Message(FAILED, b"ALSA lib: \xff busy").text == "ALSA lib: \ufffd busy"


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_a_clear_error(data: bytes) -> None:
    found: list[Message] = []
    with suppress(ValueError):  # the clear error
        found.extend(Unpacker().feed(data))
    for message in found:
        assert len(message.payload if message.kind == AUDIO else message.text) <= len(data)
