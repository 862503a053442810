"""A daemon is watched: fed by a pipe, and at a microphone that a sound server of its own plays into."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.benchmark import daemon_run
from kwsd.benchmark.daemon_run import _heard, _heard_when, _listen, watch, watch_microphone
from kwsd.benchmark.sound_server import virtual_microphone
from kwsd.benchmark.watched import Said, Watched, _cpu_s
from kwsd.errors import DeviceError
from kwsd.evaluation.truth import SpokenWord, read_stream

RECORDINGS = Path(__file__).parents[1] / "recordings"
HOLD = """
import os, sys
from pathlib import Path
from kwsd.benchmark.sound_server import virtual_microphone
with virtual_microphone() as microphone:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    print(microphone.folder, children, flush=True)
    sys.stdin.read()
"""
DEAF = "import json, sys; print(json.dumps({'type': 'ready'}), flush=True); sys.stdin.buffer.read()"

pytestmark = pytest.mark.usefixtures("patient_bench")


def line(came: float, word: str, start_s: float) -> Said:
    return came, {"type": "detection", "word": word, "start_s": start_s, "end_s": start_s + 0.4}


def test_a_word_is_heard_once_and_the_nearest_of_two() -> None:
    first, second = (SpokenWord(round(16_000 * at), round(16_000 * (at + 0.4)), "no") for at in (1.0, 1.9))
    said = [line(12.4, "no", 2.92), line(12.5, "no", 2.93)]  # the stream began a second before 10.0
    assert [word for word, _ in _heard(iter(said[:1]), [first, second], 10.0)] == [second]
    assert [round(late) for _, late in _heard(iter(said[:1]), [first, second], 10.0)] == [100]
    assert [word for word, _ in _heard(iter(said), [second], 10.0)] == [second]
    assert [word for word, _ in _heard_when(iter(said), [second], 10.0)] == [second]


def test_a_kwsd_in_the_working_directory_is_not_the_one_that_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kwsd.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('planted')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    said = subprocess.run(_listen("--help"), capture_output=True, timeout=PATIENCE_S, check=False)
    assert (said.returncode, said.stderr) == (0, b"")


def test_a_daemon_is_watched() -> None:
    heard = read_stream(RECORDINGS / "commands.flac", RECORDINGS / "commands.tsv")
    first = heard.words[:1]
    life = watch(["--config", "/dev/null", "--words", "yes"], heard.samples[: 2 * 16_000], first, realtime=True)
    assert 0 < life.ready_s < PATIENCE_S
    assert 20 < life.resident_mb <= life.peak_mb < 1000
    assert (life.heard, life.spoken) == (1, 1)
    assert life.latency_ms
    assert -300 < life.latency_ms[0] < 30_000
    assert life.silence_cpu_per_second
    assert life.speech_cpu_per_second


def test_what_speech_costs_is_told_from_what_silence_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a daemon that works a second for each second that it is given, and in silence a tenth of that."""
    spent_s, write = 0.0, Watched.write

    def work(daemon: Watched, samples: NDArray[np.int16]) -> None:
        nonlocal spent_s
        spent_s += np.where(samples, 1.0, 0.1).sum() / 16_000
        write(daemon, samples)

    monkeypatch.setattr(daemon_run, "_listen", lambda *_: [sys.executable, "-c", DEAF])
    monkeypatch.setattr(Watched, "write", work)
    monkeypatch.setattr(Watched, "cpu_s", lambda _: spent_s)
    life = watch([], np.full(4800, 9000, np.int16), realtime=True)
    assert life.speech_cpu_per_second == pytest.approx(1.0)
    assert life.silence_cpu_per_second == pytest.approx(0.1)


def test_a_daemon_at_full_speed_has_no_latency() -> None:
    life = watch(["--config", "/dev/null"], np.zeros(16_000, np.int16))
    assert life.ready_s > 0
    assert life.latency_ms is None


def test_a_daemon_that_does_not_start_says_why() -> None:
    with pytest.raises(DeviceError, match=r"become ready: .*does not know 'xyz'"):
        watch(["--config", "/dev/null", "--words", "xyz"], np.zeros(16_000, np.int16))


def test_a_daemon_that_ends_while_it_is_measured_is_told() -> None:
    program = "import json; print(json.dumps({'type': 'ready'}), flush=True); raise SystemExit('the disk is full')"
    with Watched([sys.executable, "-c", program]) as daemon:
        daemon.ready_s()
        assert list(daemon.lines()) == []  # it ends
        daemon._process.wait(PATIENCE_S)
        with pytest.raises(DeviceError, match="ended while it was measured: the disk is full"):
            daemon.cpu_s()
        with pytest.raises(DeviceError, match="ended"):
            daemon.memory_mb()


def test_what_the_kernel_does_not_tell_is_not_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers have no schedstat, and /proc may be hidden."""
    with Watched([sys.executable, "-c", DEAF]) as daemon:
        daemon.ready_s()
        assert daemon.cpu_s() > 0
        monkeypatch.setattr(Path, "read_text", missing)
        for figure in (daemon.cpu_s, daemon.memory_mb):
            with pytest.raises(DeviceError, match=r"does not tell what kwsd listen costs: .* No such file"):
                figure()
        monkeypatch.undo()


def missing(path: Path, **_: str) -> str:
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def test_threads_that_have_just_ended_are_no_reason_to_count_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def all_but_one(path: Path, **how: str) -> str:
        return read(path, **how) if path.parent.name == str(os.getpid()) else missing(path)

    monkeypatch.setattr(Path, "read_text", all_but_one)
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    try:
        assert _cpu_s(os.getpid()) > 0
    finally:
        event.set()
        thread.join()


def test_a_daemon_that_cannot_be_watched_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def start_one(thread: threading.Thread) -> None:
        if thread.name == "bench-log":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    watched = Watched([sys.executable, "-c", DEAF])
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            watched.__enter__()
        assert watched._process.returncode == -signal.SIGKILL
        assert not watched._readers[0].is_alive()  # else the interpreter would wait for it at its end
    finally:
        watched._process.kill()


@pytest.mark.usefixtures("sound_tools")
def test_a_daemon_is_watched_at_a_microphone(children: Callable[[], set[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere")  # the user's, and none of our business
    heard = read_stream(RECORDINGS / "commands.flac", RECORDINGS / "commands.tsv")
    flags, before = ["--config", "/dev/null", "--words", "yes"], children()
    with virtual_microphone() as microphone:
        life = watch_microphone(flags, heard.samples[: 2 * 16_000], heard.words[:1], microphone)
    assert (life.heard, life.words) == (1, heard.words[:1])
    assert life.latency_ms
    assert -300 < life.latency_ms[0] < 30_000
    assert life.silence_cpu_per_second
    assert life.speech_cpu_per_second
    assert 40 < life.resident_mb <= life.peak_mb < 1000
    assert 0 < life.to_dict()["block_ms"] < 2_000
    assert children() == before
    assert not microphone.folder.exists()


@pytest.mark.usefixtures("sound_tools")
def test_a_sound_server_that_rests_is_kept_awake(children: Callable[[], set[int]]) -> None:
    with virtual_microphone() as microphone:
        resting, before = microphone.block_s(), children()
        with microphone.awake() as let_sleep:
            assert microphone.block_s() < 0.1 < 1 < resting
            let_sleep()
            assert children() == before
        assert microphone.block_s() > 1


@pytest.mark.usefixtures("sound_tools")
def test_a_sound_server_does_not_outlive_who_started_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout
            folder, *pids = holder.stdout.readline().split()
            server = os.pidfd_open(int(pids[0]))
        finally:
            holder.kill()
        assert select.select([server], [], [], PATIENCE_S)[0]
        os.close(server)
    assert len(pids) == 1
    for left in sorted(Path(folder).rglob("*"), reverse=True):
        left.rmdir() if left.is_dir() else left.unlink()
    Path(folder).rmdir()
