"""The real program at recordings that ship with the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from processes import Running
from users import User


@pytest.fixture
def start(user: User) -> Iterator[Callable[..., Running]]:
    """Starts kwsd as `User.start` does; what still runs after the test is killed."""
    with ExitStack() as stack:

        def begin(*arguments: object, **options: Any) -> Running:
            running = user.start(*arguments, **options)
            stack.callback(running.kill)
            return running

        yield begin


@pytest.fixture(scope="session")
def recordings() -> Path:
    """What ships with the tests."""
    return Path(__file__).parents[1] / "recordings"


@pytest.fixture(scope="session")
def spoken(recordings: Path) -> list[tuple[float, float, str]]:
    """Where which word lies in commands.flac: start and end in seconds, and the word."""
    rows = [line.split("\t") for line in (recordings / "commands.tsv").read_text().splitlines()[1:]]
    return [(float(start), float(end), word) for start, end, word in rows]


@pytest.fixture(scope="session")
def pcm(recordings: Path) -> bytes:
    """commands.flac as raw samples."""
    from kwsd.audio.decoding.files import read_clip

    return read_clip(recordings / "commands.flac").astype("<i2").tobytes()
