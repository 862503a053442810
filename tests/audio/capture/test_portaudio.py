"""What a microphone's stream gives, at whatever rate it runs, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Generator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.capture.portaudio import PortAudioStream
from kwsd.errors import DeviceError

BUSY, BAD_RATE, BAD_CHANNELS = -9985, -9997, -9998


def hear(portaudio: Any, *blocks: NDArray[np.int16], overflow: frozenset[int] = frozenset()) -> None:
    for number, block in enumerate(blocks):
        portaudio.stream.hear(block, overflow=number in overflow)


def open_now(stream: PortAudioStream, portaudio: Any, first: NDArray[np.int16]) -> Generator[Any, None, None]:
    """The microphone's blocks, the first of them heard and taken."""
    blocks = stream.blocks()

    def hear_once_open() -> None:
        assert portaudio.opened.wait(PATIENCE_S)
        hear(portaudio, first)

    thread = threading.Thread(target=hear_once_open)
    thread.start()
    next(blocks)
    thread.join(PATIENCE_S)
    return blocks


def silence(frames: int, channels: int = 1) -> NDArray[np.int16]:
    return np.zeros((frames, channels), np.int16)


def test_at_16_khz_mono_the_samples_come_through_as_they_are(portaudio: Any) -> None:
    stream = PortAudioStream(stall_s=PATIENCE_S)
    blocks = open_now(stream, portaudio, silence(320))
    assert portaudio.tried == [(16_000, 1)]
    sent = np.random.default_rng(8).integers(-32768, 32767, (5, 320, 1)).astype(np.int16)
    hear(portaudio, *sent)
    for block in sent:
        assert next(blocks).samples == block.tobytes()
    blocks.close()
    assert portaudio.stream.closed


def test_blocks_are_as_long_as_asked_for_but_where_they_are_resampled(portaudio: Any) -> None:
    asked = []
    for rates in ({16_000}, {48_000}):
        portaudio.opens = lambda rate, _channels, rates=rates: 0 if rate in rates else BAD_RATE
        stream = PortAudioStream(block_ms=100, stall_s=0.01)
        with pytest.raises(DeviceError, match="no audio"):
            next(stream.blocks())
        asked.append((portaudio.stream.options["samplerate"], portaudio.stream.options["blocksize"]))
    assert asked == [(16_000, 1600), (48_000, 960)]


def test_a_device_that_only_does_44_1_khz_stereo_is_resampled(portaudio: Any) -> None:
    portaudio.devices[0] = portaudio.device("USB Mic", rate=44_100.0)
    portaudio.opens = lambda rate, channels: BAD_RATE if rate != 44_100 else BAD_CHANNELS if channels != 2 else 0
    wave = (8000 * np.sin(2 * np.pi * 500 * np.arange(44_100) / 44_100)).astype(np.int16)
    stereo = np.stack([wave, wave // 2], axis=1).reshape(50, 882, 2)
    stream = PortAudioStream(stall_s=PATIENCE_S)
    blocks = open_now(stream, portaudio, stereo[0])
    assert portaudio.tried == [(16_000, 1), (44_100, 1), (44_100, 2)]
    hear(portaudio, *stereo[1:])
    heard = np.frombuffer(b"".join(next(blocks).samples for _ in stereo[1:]), np.int16).astype(int)
    assert 15_000 < len(heard) <= 15_680
    assert np.abs(heard[1000:]).max() == pytest.approx(6000, abs=30)
    blocks.close()


def test_a_device_of_more_bits_is_heard_without_the_noise_of_a_dither(portaudio: Any) -> None:
    """PortAudio adds it by default, and from a dead input, zeros of 24 or 32 bits, makes samples of 0 and -1."""
    open_now(PortAudioStream(stall_s=PATIENCE_S), portaudio, silence(320)).close()
    assert portaudio.stream.options["dither_off"] is True


@pytest.mark.parametrize(("rate", "kept_s"), [(16_000, 0.15), (48_000, 0.06)])
def test_the_sound_system_keeps_three_blocks_more(portaudio: Any, rate: int, kept_s: float) -> None:
    """By default it keeps one, and PipeWire's ALSA plugin does not say what it drops."""
    portaudio.opens = lambda asked, _channels: 0 if asked == rate else BAD_RATE
    with pytest.raises(DeviceError, match="no audio"):
        next(PortAudioStream(block_ms=50, stall_s=0.01).blocks())
    assert portaudio.stream.options["latency"] == pytest.approx(kept_s)


def test_overflows_are_counted_at_16_khz_without_drift(portaudio: Any) -> None:
    portaudio.devices[0] = portaudio.device("USB Mic", rate=44_100.0)
    portaudio.opens = lambda rate, _channels: BAD_RATE if rate == 16_000 else 0
    stream = PortAudioStream(block_ms=10, stall_s=PATIENCE_S)
    blocks = open_now(stream, portaudio, silence(441))
    hear(portaudio, *[silence(441)] * 100, overflow=frozenset(range(0, 100, 2)))
    heard = [next(blocks) for _ in range(100)]
    assert [block.lost for block in heard] == [160, 0] * 50
    blocks.close()


def test_a_reader_that_was_away_too_long_is_told_what_it_missed(portaudio: Any) -> None:
    stream = PortAudioStream(stall_s=PATIENCE_S)
    blocks = open_now(stream, portaudio, silence(320))
    hear(portaudio, *[silence(320)] * 1000)  # 20 s
    portaudio.stream.options["finished_callback"]()
    first = next(blocks)
    assert first.lost > 0
    left = 1000 - first.lost // 320 - 1
    assert [(block.lost, len(block)) for block in islice(blocks, left)] == [(0, 320)] * left
    with pytest.raises(DeviceError, match="broke off"):
        next(blocks)


def test_a_device_that_stops_calling_is_lost(portaudio: Any) -> None:
    stream = PortAudioStream(stall_s=0.05)
    with pytest.raises(DeviceError, match=r"USB Mic: no audio for 0\.05 s"):
        list(stream.blocks())
    assert portaudio.stream.closed


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by the monotonic clock, which goes on only as the test says."""
    now = [100.0]
    monkeypatch.setattr("kwsd.audio.capture.portaudio.time.monotonic", lambda: now[0])
    return now


def test_a_stream_that_goes_on_after_its_process_was_stopped_is_given_up(portaudio: Any, now: list[float]) -> None:
    rests: list[int] = []

    def rest(given: int) -> None:
        """Hear what a second holds in 3.5 seconds, twice, and then next to nothing in a minute."""
        if given == 0:  # the first block is still to come
            return
        rests.append(given)
        now[0] += 60.0 if len(rests) == 3 else 3.5
        hear(portaudio, *[silence(320)] * (1 if len(rests) == 3 else 50))

    blocks = open_now(PortAudioStream(stall_s=PATIENCE_S, rest=rest), portaudio, silence(320))
    with pytest.raises(DeviceError, match=r"^USB Mic: kwsd did not run for 60 s$"):
        list(blocks)
    assert rests == [320, 320 + 16_000, 320 + 32_000]
    assert portaudio.stream.closed


def test_a_reader_that_waited_for_room_in_the_pipe_was_not_stopped(portaudio: Any, now: list[float]) -> None:
    def rest(given: int) -> None:
        if given == 320:
            hear(portaudio, silence(320))

    blocks = open_now(PortAudioStream(stall_s=PATIENCE_S, rest=rest), portaudio, silence(320))
    next(blocks)
    now[0] += 60.0
    hear(portaudio, *[silence(320)] * 3000)
    portaudio.stream.options["finished_callback"]()
    with pytest.raises(DeviceError, match="the stream broke off"):
        list(blocks)


def test_a_stream_that_ends_by_itself_is_lost_at_once(portaudio: Any) -> None:
    stream = PortAudioStream(stall_s=1000)
    blocks = open_now(stream, portaudio, silence(320))
    hear(portaudio, silence(320))
    portaudio.stream.options["finished_callback"]()
    assert len(next(blocks)) == 320
    with pytest.raises(DeviceError, match="USB Mic: the stream broke off"):
        next(blocks)


@pytest.mark.parametrize(
    ("code", "says", "tries"),
    [(BUSY, "USB Mic: busy: end the program", 1), (BAD_RATE, "USB Mic: cannot be opened .*kwsd devices", 4)],
)
def test_a_device_that_does_not_open_is_named(portaudio: Any, code: int, says: str, tries: int) -> None:
    portaudio.opens = lambda _rate, _channels: code
    with pytest.raises(DeviceError, match=says):
        next(PortAudioStream().blocks())
    assert len(portaudio.tried) == tries


def test_a_stream_that_does_not_start_is_closed(portaudio: Any) -> None:
    portaudio.starts = lambda: BUSY
    with pytest.raises(DeviceError, match="busy"):
        next(PortAudioStream().blocks())
    assert portaudio.stream.closed
