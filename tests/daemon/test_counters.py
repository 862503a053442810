"""What is counted, and the page that Prometheus reads."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.counters import Counters, level_dbfs
from kwsd.daemon.exposition import exposition
from kwsd.daemon.metered import Metered
from kwsd.envelope import Envelope
from kwsd.events import AudioLost, Detection, DeviceLost, DeviceRestored, Event, HookFinished, HopChanged, NearMiss
from kwsd.networks.cascade import Cascade

STOP = Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny")
EVENTS: list[Event] = [
    STOP,
    STOP,
    AudioLost("desk", 16_000, 8_000),
    NearMiss("desk", 16_000, "go", 0.9, 0.998, "score"),
    HookFinished("desk", "stop", "true", 0, False, 1.0, 5),
    HookFinished("desk", "stop", "false", 1, False, 1.0, 5),
    HookFinished("desk", "stop", "sleep", None, False, 0.0, 5),
    HookFinished("desk", "stop", "sudo", None, True, 3000.0, 5),
    HopChanged("desk", 16_000, 3_200, 24_000),
    DeviceLost("desk", 16_000, "gone"),
    DeviceRestored("desk", 32_000, 16_000),
    DeviceLost("desk", 48_000, "gone"),
]


@pytest.fixture
def counters(zoo: Any) -> Counters:
    ring = Ring(160_000)
    ring.skip(4_800, overflow=True)
    ring.skip(3_200)  # a microphone that was away
    ring.write(np.full(24_000, 3277, np.int16), wait=False)
    counters = Counters({"desk": ring}, 1600)
    for number, event in enumerate(EVENTS):
        counters.send(Envelope.seal(event, number))
    engine = Metered(zoo.load_classifier(None, device="cpu"), counters)
    assert engine.score(np.ones((3, 16_000), np.float32)).shape == (3, 4)
    counters.heard(20)
    counters.set_kept_out(7)
    counters.set_subscribers(2)
    return counters


def test_what_was_spared_and_is_scored_after_all_takes_nothing_from_the_count(counters: Counters) -> None:
    assert counters.snapshot()["windows_spared"] == 10
    counters.scored(2, 0.01)
    assert counters.snapshot()["windows_spared"] == 10
    counters.heard(3)
    assert counters.snapshot()["windows_spared"] == 11


def test_all_that_happened_is_counted(counters: Counters) -> None:
    found = counters.snapshot()
    assert found["streams"] == {"desk": {"audio_s": 2.0, "lost": True, "hop_ms": 200, "level_dbfs": None}}
    assert (found["detections"], found["near_misses"]) == ({"stop": 2}, {"go": 1})
    assert (found["windows_scored"], found["windows_gated"], found["windows_spared"]) == (3, 7, 10)
    assert found["inference_batches"] == 1
    assert (found["audio_lost_s"], found["overflows"], found["device_losses"]) == (0.5, 1, 2)
    assert (found["hook_runs"], found["hook_failures"]) == (3, 3)
    assert (found["model"], found["device"], found["subscribers"]) == ("tiny", "cpu", 2)
    assert json.loads(counters.answer())["subscribers"] == 1  # who asks does not count itself
    answer = json.loads(counters.answer())
    assert (answer["type"], answer["schema"], answer["detections"]) == ("status", 1, {"stop": 2})


def test_the_real_time_factor_is_of_what_was_heard() -> None:
    ring = Ring(64_000)
    ring.skip(16_000)
    ring.write(np.ones(16_000, np.int16), wait=False)
    counters = Counters({"desk": ring}, 1600)
    counters.send(Envelope.seal(AudioLost("desk", 0, 16_000), 1))
    counters.scored(1, 0.25)
    assert counters.snapshot()["real_time_factor"] == 0.25


def test_a_batch_that_takes_just_as_long_as_a_bound_is_within_it() -> None:
    counters = Counters({}, 1600)
    counters.scored(1, 0.25)
    buckets = counters.snapshot()["inference_buckets"]
    assert (buckets["0.1"], buckets["0.25"], buckets["1.0"]) == (0, 1, 1)


class First:
    """Sure of silence where the sound is nothing but zeros; else takes it for the word that its first sample says."""

    labels, device = ("yes", "_unknown_", "_silence_"), "cpu"
    name = "first"

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        word = (windows[:, 0] > 0).astype(np.float32)
        return np.stack([word, 0 * word, 1 - word], axis=1)


def test_the_model_is_known_before_any_audio(zoo: Any) -> None:
    counters = Counters({"desk": Ring(160_000)}, 1600)
    assert counters.snapshot()["model"] == ""
    Metered(zoo.load_classifier(None, device="cpu"), counters)
    found = counters.snapshot()
    assert (found["model"], found["device"], found["streams"]["desk"]["audio_s"]) == ("tiny", "cpu", 0.0)


def test_what_a_verifier_is_asked_about_is_counted(counters: Counters) -> None:
    cascade = Cascade(First(), First(), asked_from=0.5, weight=0.5)
    engine = Metered(cascade, counters)
    assert counters.snapshot()["windows_verified"] == 0
    windows = np.zeros((5, 16_000), np.float32)
    engine.score(windows)
    windows[1:3] = 1
    engine.score(windows)
    engine.score(windows[2:3])
    found = counters.snapshot()
    assert (found["windows_scored"], found["windows_verified"]) == (3 + 11, 3)
    assert "kwsd_windows_verified_total 3\n" in exposition(found)


def test_without_a_verifier_nothing_is_said_of_one(counters: Counters) -> None:
    found = counters.snapshot()
    assert "windows_verified" not in found
    assert "verified" not in exposition(found)


def test_silence_has_no_level() -> None:
    ring = Ring(32_000)
    assert level_dbfs(ring) is None
    ring.write(np.zeros(16_000, np.int16), wait=False)
    assert level_dbfs(ring) is None


def test_what_never_arrived_does_not_count_in_the_level() -> None:
    ring = Ring(64_000)
    ring.write(np.full(16_000, 327, np.int16), wait=False)
    for _ in range(2):  # a microphone that is back for a tenth of a second, and a gap within the newest second
        ring.skip(24_000)
        ring.write(np.full(1600, 3277, np.int16), wait=False)
        assert level_dbfs(ring) == -20.0
        ring.skip(400)
        ring.write(np.full(1600, 3277, np.int16), wait=False)
        assert level_dbfs(ring) == -20.0


def test_a_microphone_that_is_lost_has_no_level(counters: Counters) -> None:
    assert counters.snapshot()["streams"]["desk"]["level_dbfs"] is None
    assert "kwsd_level_dbfs{" not in exposition(counters.snapshot())
    counters.send(Envelope.seal(DeviceRestored("desk", 64_000, 16_000), 13))
    assert counters.snapshot()["streams"]["desk"]["level_dbfs"] == -20.0
    assert 'kwsd_level_dbfs{stream="desk"} -20\n' in exposition(counters.snapshot())


def test_the_page_is_in_prometheus_format(counters: Counters) -> None:
    lines = exposition(counters.snapshot()).splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples['kwsd_detections_total{word="stop"}'] == "2"
    assert samples['kwsd_near_misses_total{word="go"}'] == "1"
    assert samples['kwsd_audio_seconds_total{stream="desk"}'] == "2"
    assert samples['kwsd_hop_seconds{stream="desk"}'] == "0.2"
    assert samples['kwsd_device_lost{stream="desk"}'] == "1"
    assert samples["kwsd_windows_gated_total"] == "7"
    assert samples["kwsd_windows_spared_total"] == "10"
    assert samples["kwsd_audio_lost_seconds_total"] == "0.5"
    assert samples["kwsd_overflows_total"] == "1"
    assert samples["kwsd_inference_seconds_count"] == samples['kwsd_inference_seconds_bucket{le="+Inf"}'] == "1"
    kinds = dict(line.split()[2:] for line in lines if line.startswith("# TYPE"))
    assert all(kind == "counter" for name, kind in kinds.items() if name.endswith("_total"))
    assert all(name.endswith("_total") for name, kind in kinds.items() if kind == "counter")


def test_a_word_that_may_fire_is_on_the_page_before_it_does() -> None:
    """Prometheus sees no increase where a counter begins with 1, so that a rare word would never show."""
    may_fire = ["stop", "go"]
    counters = Counters({}, 1600, words=lambda: may_fire)
    counters.send(Envelope.seal(STOP, 1))
    may_fire[:] = ["up", "go"]  # by a reload
    found = counters.snapshot()
    assert (found["words"], found["detections"]) == (["go", "up"], {"stop": 1})
    page = exposition(found)
    assert [line for line in page.splitlines() if line.startswith("kwsd_detections_total")] == [
        'kwsd_detections_total{word="go"} 0',
        'kwsd_detections_total{word="stop"} 1',
        'kwsd_detections_total{word="up"} 0',
    ]
    assert 'kwsd_near_misses_total{word="go"} 0\n' in page


def test_the_client_library_reads_the_page_as_it_was_meant(counters: Counters) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    snapshot = counters.snapshot()
    stream = snapshot["streams"].pop("desk")
    snapshot["streams"]['a "b"\\c\nd'] = {**stream, "lost": False, "level_dbfs": None}
    families = {family.name: family for family in parser.text_string_to_metric_families(exposition(snapshot))}
    assert families["kwsd_inference_seconds"].type == "histogram"
    (level,) = families["kwsd_level_dbfs"].samples
    assert (level.labels, level.value) == ({"stream": 'a "b"\\c\nd'}, float("-inf"))
