"""A day of audio through the real process, as fast as it goes: does it grow, and does it go on hearing the same?

    python tests/soak.py --hours 24            with the shipped model
    python tests/soak.py --hours 24 --fake     with a classifier that hears loudness: all but the network

Every hour of audio is the same: a minute of recorded words, silence and noise, again and again. After each hour it
looks at memory, descriptors and threads; at the end it compares the hours' detections with each other. The exit status
is 1 where memory grew by more than 5 % after the first hour, descriptors or threads were gained, or an hour was heard
otherwise than the first one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from kwsd.audio.decoding.files import read_clip

HERE = Path(__file__).parent
RATE, HOUR_S, MINUTE_S = 16_000, 3600, 60
GROWTH = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="hours of audio")
    parser.add_argument("--fake", action="store_true", help="without the network")
    chosen = parser.parse_args()
    program = [sys.executable, str(HERE / "faults" / "daemon.py") if chosen.fake else "-m"]
    program += [] if chosen.fake else ["kwsd"]
    with tempfile.TemporaryDirectory(prefix="kwsd-soak-") as folder:
        settings = ["--format", "json", "--events", "all", "--socket", f"{folder}/s", "--hook", "yes=true"]
        settings += ["--threshold", "0.5", "--log-level", "error"]
        command = [*program, "listen", "-", *settings]
        began = time.monotonic()
        daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            feeder = threading.Thread(target=feed, args=(daemon.stdin, chosen.hours), daemon=True)
            feeder.start()
            samples, heard = watch(daemon)
            status = daemon.wait()
        finally:
            daemon.kill()
    took = time.monotonic() - began
    print(f"{chosen.hours:g} h of audio in {took:.0f} s ({chosen.hours * HOUR_S / took:.0f} times real time)")
    return judge(samples, heard, int(chosen.hours), status)


def minute() -> bytes:
    """Recorded words, a sentence, and noise at 40 dB under full scale, in a minute of near silence."""
    noise = np.random.default_rng(5)
    samples = noise.normal(0, 3, MINUTE_S * RATE)
    at = RATE
    for name in ("commands.flac", "sentence.flac"):
        clip = read_clip(HERE / "recordings" / name)
        samples[at : at + len(clip)] += clip
        at += len(clip) + 3 * RATE
    samples[at : at + 5 * RATE] += noise.normal(0, 300, 5 * RATE)
    return samples.clip(-32_768, 32_767).astype("<i2").tobytes()


def feed(pipe: IO[bytes] | None, hours: float) -> None:
    """All the audio, as fast as the daemon takes it."""
    assert pipe
    data = minute()
    with suppress(BrokenPipeError), pipe:
        for _ in range(round(hours * HOUR_S / MINUTE_S)):
            pipe.write(data)


def watch(daemon: subprocess.Popen[bytes]) -> tuple[list[dict[str, float]], dict[int, list[Any]]]:
    """What the process weighs at the end of each hour of audio, and what it heard in each."""
    samples: list[dict[str, float]] = []
    heard: dict[int, list[Any]] = defaultdict(list)
    for event in events(daemon):
        if event["type"] != "detection":
            continue
        hour = int(event["at_s"] // HOUR_S)
        if hour > len(samples):
            samples.append(weigh(daemon.pid))
            print(f"hour {len(samples)}: {samples[-1]}", flush=True)
        place = round(event["at_s"] - hour * HOUR_S, 4)
        heard[hour].append((place, event["word"], event["score"]))
    return samples, heard


def events(daemon: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert daemon.stdout
    for line in daemon.stdout:
        yield json.loads(line)


def weigh(pid: int) -> dict[str, float]:
    """Resident memory in MB, and how many descriptors and threads there are: the least of a few looks, for a hook that
    has just been started has some."""
    process = Path(f"/proc/{pid}")
    fds = []
    for _ in range(30):
        fds.append(len(list((process / "fd").iterdir())))
        time.sleep(0.01)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
    resident = round(int(status["VmRSS"].split()[0]) / 1024, 1)
    return {"rss_mb": resident, "fds": min(fds), "threads": int(status["Threads"])}


def judge(samples: list[dict[str, float]], heard: dict[int, list[Any]], hours: int, status: int) -> int:
    """Say what was found; the exit status."""
    wrong = [f"it ended with {status}"] if status else []
    if samples:
        first, last = samples[0], samples[-1]
        growth = max(sample["rss_mb"] for sample in samples) / first["rss_mb"] - 1
        print(
            f"memory {first['rss_mb']} MB after the first hour, {last['rss_mb']} MB at the end: {growth:+.1%} at most"
        )
        wrong += [f"memory grew by {growth:.1%}"] if growth > GROWTH else []
        for what in ("fds", "threads"):  # the least of each half: some hooks run while others are counted
            half = (len(samples) + 1) // 2
            early, late = (min(sample[what] for sample in part) for part in (samples[:half], samples[half:] or samples))
            print(f"{what}: {early:g} in the first half, {late:g} in the second, where no hook runs")
            wrong += [f"{late - early:g} {what} gained"] if late > early else []
    same = [hour for hour in range(hours) if heard[hour] == heard[0]]
    words = [(place, word) for place, word, _ in heard[0]]
    alike = [hour for hour in range(hours) if [(place, word) for place, word, _ in heard[hour]] == words]
    print(f"{len(heard[0])} detections in the first hour; of {hours} hours {len(alike)} are alike in words and places,")
    print(f"{len(same)} to the last digit of a score")
    wrong += [f"{hours - len(alike)} hours were heard otherwise"] if len(alike) < hours else []
    print("\n".join(wrong) or "nothing grew, and every hour was heard alike")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
