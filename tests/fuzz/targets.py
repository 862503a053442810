"""What the fuzzing is aimed at: for each kind of input, how it is handed over, and how one is made by chance.

A check raises whatever is a fault; what an operator has to see to (KwsdError) is none, where it says of what it speaks.
"""

from __future__ import annotations

import io
import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import numpy as np
import soundfile
from safetensors.numpy import save

from kwsd.audio.files import read_clip
from kwsd.audio.pcm import PcmSource
from kwsd.audio.wire import AUDIO, FAILED, FOUND, LOG, Message, Unpacker
from kwsd.config import load_config, options, parse_hook_flags
from kwsd.daemon.scrape import ScrapeServer
from kwsd.errors import KwsdError
from kwsd.events import Envelope, SpeechStarted
from kwsd.sinks.socket import SocketSink
from kwsd.zoo import read_card

HANG_S = 300
"""An input that takes longer, on however busy a machine, has made it hang."""

Check = Callable[[Any], None]


@dataclass(frozen=True)
class Target:
    """`opened` takes a folder and gives what checks an input; `made` makes an input."""

    opened: Callable[[Path], AbstractContextManager[Check]]
    made: Callable[[Random], Any]

    def numbered(self, seed: int, number: int) -> Any:
        """An input that can be made again."""
        return self.made(Random(f"{seed} {number}"))  # noqa: S311  # it need be no secret


@contextmanager
def timed() -> Iterator[None]:
    """Raise where what is done within takes longer than `HANG_S`. Only in the main thread."""

    def hung(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"it hangs: {HANG_S} s are over")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def refusal(call: Callable[[], object]) -> str:
    """The text of the error that it raises for who has to see to it, "" for none; all others are faults."""
    text = ""
    try:
        with timed():
            call()
    except KwsdError as error:
        text = str(error)
    assert "\n" not in text, "an error is one line"
    return text


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
    """Raw samples."""

    def check(data: bytes) -> None:
        with timed():
            blocks = list(PcmSource(io.BytesIO(data)).blocks())
        assert sum(len(block.samples) for block in blocks) == len(data) // 2

    yield check


@contextmanager
def configurations(folder: Path) -> Iterator[Check]:
    """A configuration's bytes."""
    path = folder / "config.toml"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        text = refusal(lambda: load_config(path))
        assert not text or str(path) in text

    yield check


WRITTEN = b"""
[audio]
device = "usb"
buffer_s = 4.5
[gate]
enabled = false # a comment
[trigger]
words = ["yes", 'no']
thresholds = { yes = 0.5, "zw\xc3\xb6lf!" = 0.25 }
[hooks.words]
yes = \"\"\"notify-send 'I heard' yes\"\"\"
no = [["a", "b c"], { shell = "x | \\"y\\"" }]
"""
KEYS = sorted(options())


def make_configuration(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.01:
        return b"a = " + random.choice((b"[", b"{a=", b"9", b"'", b"a.")) * random.choice((100, 5_000, 50_000))
    if kind < 0.5:
        return spoilt(WRITTEN, random, len(WRITTEN))
    section, _, name = random.choice(KEYS).partition(".")
    return f"[{section}]\n{name} = {as_toml(any_value(random))}\n".encode("utf-8", "surrogatepass")


def as_toml(value: object) -> str:
    """A value as TOML would have it; not always TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


@contextmanager
def hook_lines(_: Path) -> Iterator[Check]:
    """`--hook WORD=COMMAND`."""

    def check(line: str) -> None:
        text = refusal(lambda: parse_hook_flags([line], [line]))
        assert not text or text.startswith("--hook")

    yield check


def make_hook_line(random: Random) -> str:
    return spoilt(b"""yes=notify-send "I heard" 'it' \\x $(id) ; a""", random, 50).decode("utf-8", "surrogateescape")


@contextmanager
def subscribers(folder: Path) -> Iterator[Check]:
    """What a subscriber sends, piece by piece; after it all it still gets its events."""
    failures: list[BaseException] = []
    sink = SocketSink(folder / "s", failed=failures.append, status=lambda: b'{"type": "status"}\n')

    def check(said: list[bytes]) -> None:
        with timed(), socket.socket(socket.AF_UNIX) as subscriber:
            subscriber.connect(str(sink.path))
            for data in said:
                subscriber.sendall(data)
            subscriber.sendall(b"\nstatus\n")
            with subscriber.makefile("rb") as lines:
                assert json.loads(lines.readline())["type"] == "status"
                sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))
                while json.loads(lines.readline())["type"] == "status":
                    pass
        assert failures == []

    try:
        yield check
    finally:
        sink.close(0)
    assert failures == []


def make_talk(random: Random) -> list[bytes]:
    pieces = (b"status\n", b"status", b"\n", b"\0", b"GET / HTTP/1.1\r\n\r\n", b'{"type": "status"}\n')
    return [
        random.choice(pieces) if random.random() < 0.5 else random.randbytes(random.randrange(300))
        for _ in range(random.randrange(6))
    ]


@contextmanager
def scrapes(folder: Path) -> Iterator[Check]:
    """What a client of the metrics sends before it says no more; it gets an answer of HTTP."""
    failures: list[BaseException] = []
    server = ScrapeServer(str(folder / "m"), lambda: "kwsd_up 1\n", failed=failures.append, token=b"abc")

    def check(request: bytes) -> None:
        with timed(), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "m"))
            with suppress(BrokenPipeError):  # this thread got no processor for the second that the server waits
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                assert answer.readline().startswith(b"HTTP/1.0 ")
        assert failures == []

    try:
        yield check
    finally:
        server.close()
    assert failures == []


REQUEST = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9464\r\nAuthorization: Bearer abc\r\nAccept: */*\r\n\r\n"


def make_request(random: Random) -> bytes:
    return spoilt(REQUEST, random, len(REQUEST))


@contextmanager
def captures(_: Path) -> Iterator[Check]:
    """What comes through the pipe of the process that captures: messages, or a ValueError, however it is cut."""

    def check(data: bytes) -> None:
        def told(pieces: list[bytes]) -> tuple[list[Message], bool]:
            unpacker, messages = Unpacker(), []
            try:
                for piece in pieces:
                    for message in unpacker.feed(piece):
                        assert message.samples is not None if message.kind == AUDIO else message.text is not None
                        messages.append(message)
            except ValueError:
                return messages, False
            return messages, True

        with timed():
            assert told([data]) == told([data[:7], data[7:20], data[20:]])

    yield check


def make_capture(random: Random) -> bytes:
    kinds = (FOUND, AUDIO, FAILED, LOG)
    sent = b"".join(
        Message(random.choice(kinds), random.randbytes(random.randrange(20)), random.choice(NUMBERS)).pack()
        for _ in range(random.randrange(5))
    )
    return spoilt(sent, random, len(sent)) if random.random() < 0.8 else sent


SHIPPED = Path(__file__).parents[2] / "models" / "hubert-commands"
WEIGHTS = save({"word_head.outer.weight": np.zeros((36, 1), np.float32), "b": np.zeros(3, np.float32)})
OWN = {
    "config.json": (SHIPPED / "config.json").read_bytes(),
    # Without the checksums, which would find every change.
    "card.json": json.dumps(
        {
            **json.loads((SHIPPED / "card.json").read_text()),
            "sha256": {},
            "verifier": {"model": "larger", "asked_from": 0.3, "weight": 0.5, "thresholds": {"yes": 0.5}},
        }
    ).encode(),
    "model.safetensors": WEIGHTS,
}
_FOREIGN = {
    "architectures": ["Wav2Vec2ForSequenceClassification"], "model_type": "wav2vec2", "problem_type": None,
    "id2label": {"0": "yes", "1": "no", "2": "_silence_"},
}  # fmt: skip
_CARD = {"name": "mine", "thresholds": {"yes": 0.5}, "sha256": {}, "scores": {}}
FOREIGN = {
    "config.json": json.dumps(_FOREIGN).encode(),
    "preprocessor_config.json": b'{"sampling_rate": 16000, "max_length": 1024, "max_length_s": 10}',
    "card.json": json.dumps(_CARD).encode(),
    "model.safetensors.index.json": b'{"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}}',
    "1.safetensors": WEIGHTS,
    "README.md": b"---\nlicense: mit\n---\n",
}
FOLDERS = {"own": OWN, "foreign": FOREIGN}
_NAMES = {"own": "hubert-commands", "foreign": "mine"}  # by their cards


@contextmanager
def models(folder: Path) -> Iterator[Check]:
    """A model's folder, one of its files, and the bytes of that."""
    for name, files in FOLDERS.items():
        (folder / name).mkdir()
        for file, data in files.items():
            (folder / name / file).write_bytes(data)
        assert read_card(str(folder / name)).words

    def check(given: tuple[str, str, bytes]) -> None:
        name, file, data = given
        path = folder / name / file
        path.write_bytes(data)
        try:
            text = refusal(lambda: read_card(str(folder / name)))
        finally:
            path.write_bytes(FOLDERS[name][file])
        assert not text or str(folder / name) in text or file == "card.json" or _NAMES[name] in text

    yield check


def make_model(random: Random) -> tuple[str, str, bytes]:
    name = random.choice(list(FOLDERS))
    file = random.choice(list(FOLDERS[name]))
    data = FOLDERS[name][file]
    kind = random.random()
    if kind < 0.01:
        return name, file, random.choice((b"[", b'{"a":', b"9", b'"')) * random.choice((100, 5_000, 50_000))
    if file.endswith(".json") and kind < 0.7:
        tree = replanted(json.loads(data), random)
        if random.random() < 0.3:
            tree = replanted(tree, random)
        return name, file, json.dumps(tree).encode()
    return name, file, spoilt(data, random, 4096)


TARGETS = {
    "recordings": Target(recordings, make_recording),
    "samples": Target(samples, lambda random: random.randbytes(random.randrange(2000))),
    "configurations": Target(configurations, make_configuration),
    "hook lines": Target(hook_lines, make_hook_line),
    "subscribers": Target(subscribers, make_talk),
    "scrapes": Target(scrapes, make_request),
    "captures": Target(captures, make_capture),
    "models": Target(models, make_model),
}
