"""A spotter whose settings change while it runs: when they are taken up, and that nobody waits for that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.audio.windowing.window import Window
from kwsd.config import Config
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.events import Detection, SpeechEnded
from kwsd.spotting.settings import SpottingSettings

Configure = Callable[..., Config]


def loud(number: int) -> Window:
    return Window("desk", 1600 * (number + 1), np.full(16_000, 9000, np.int16), hop=1600)


def test_settings_change_between_two_batches_and_before_the_model_is_loaded(configure: Configure, zoo: Any) -> None:
    card = zoo.read_card("tiny")
    spotter = TunableSpotter(configure({"trigger.words": "no"}))
    spotter.adopt(configure({"trigger.words": "no", "trigger.smoothing": 1}), card)
    assert spotter.words == ()
    spotter.load(card, zoo.load_classifier(card, device="cpu"))
    assert (spotter.feed([loud(0)]), spotter.words) == ([], ("no",))
    spotter.adopt(configure({"trigger.words": "yes", "trigger.smoothing": 1, "trigger.threshold": 0.25}), card)
    (detection,) = spotter.feed([loud(1)])
    assert isinstance(detection, Detection)
    assert (detection.word, detection.threshold, spotter.words) == ("yes", 0.25, ("yes",))


def test_settings_that_change_before_the_model_is_loaded_are_those_that_it_begins_with(
    configure: Configure, zoo: Any
) -> None:
    card = zoo.read_card("tiny")
    spotter = TunableSpotter(configure({"trigger.words": "no"}))
    spotter.adopt(configure({"trigger.words": "yes", "trigger.smoothing": 1, "trigger.threshold": 0.25}), card)
    spotter.load(card, zoo.load_classifier(card, device="cpu"))
    (detection,) = spotter.feed([loud(0)])
    assert isinstance(detection, Detection)
    assert detection.word == "yes"


def test_settings_are_taken_up_once_and_what_the_spotter_tells_is_told(
    configure: Configure, zoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopted: list[object] = []
    end = SpeechEnded("desk", 7)
    inner = SimpleNamespace(
        adopt=lambda **given: adopted.append(given), feed=lambda _: [], end=lambda _: [end], gated=5
    )
    monkeypatch.setattr(SpottingSettings, "spotter", lambda *_: inner)
    spotter, card = TunableSpotter(configure()), zoo.read_card("tiny")
    assert (spotter.gated, spotter.end({"desk": 7})) == (0, [])
    spotter.load(card, zoo.load_classifier(card, device="cpu"))
    spotter.adopt(configure(), card)
    for number in range(3):
        spotter.feed([loud(number)])
    assert len(adopted) == 1
    assert (spotter.gated, spotter.end({"desk": 7})) == (5, [end])


def test_nobody_waits_for_a_batch_that_is_stuck(configure: Configure, zoo: Any) -> None:
    card, old = zoo.read_card("tiny"), configure({"trigger.words": "no", "trigger.smoothing": 1})
    spotter, begun, go_on = TunableSpotter(old), threading.Event(), threading.Event()
    engine = zoo.load_classifier(card, device="cpu")
    score = engine.score

    def stuck(windows: Any) -> Any:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return score(windows)

    engine.score = stuck
    spotter.load(card, engine)
    worker = threading.Thread(target=spotter.feed, args=([loud(0)],))
    worker.start()
    assert begun.wait(PATIENCE_S)
    spotter.adopt(configure({"trigger.words": "yes", "trigger.smoothing": 1, "trigger.threshold": 0.25}), card)
    go_on.set()
    worker.join(PATIENCE_S)
    assert [event.word for event in spotter.feed([loud(1)]) if isinstance(event, Detection)] == ["yes"]


def test_windows_are_spared_after_a_reload_as_before_it(configure: Configure, zoo: Any) -> None:
    card, config = zoo.read_card("tiny"), configure({"trigger.threshold": 0.9})
    spotter = TunableSpotter(config)
    spotter.load(card, zoo.load_classifier(card, device="cpu"))
    spotter.adopt(config, card)
    spotter.feed([Window("desk", 1600 * (number + 1), np.zeros(16_000, np.int16), hop=1600) for number in range(9)])
    assert spotter.span not in (None, 1)
