"""Which threads score windows."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.errors import ModelError
from kwsd.networks.onnx_classifier import OnnxClassifier


class Session:
    """Remembers which threads ran it; each run waits for a second one, if there is one to come."""

    def __init__(self, together: int) -> None:
        self.threads: set[str] = set()
        self._meeting = threading.Barrier(together)

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(shape=["batch", 1])]

    def run(self, _: Any, feeds: dict[str, Any]) -> list[Any]:
        self.threads.add(threading.current_thread().name)
        self._meeting.wait(PATIENCE_S)
        return [feeds["windows"][:, :1]]


def test_few_windows_stay_in_their_thread_and_many_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    windows = np.arange(8, dtype=np.float32)[:, None]
    alone, shared = Session(1), Session(2)
    microphone, recording = (OnnxClassifier(session, "tiny", ["a"], unfit=ModelError) for session in (alone, shared))
    for few in (1, 2, 3):
        np.testing.assert_array_equal(microphone.score(windows[:few]), windows[:few])
    assert alone.threads == {threading.current_thread().name}
    for many in (8, 2):
        shared.threads.clear()
        np.testing.assert_array_equal(recording.score(windows[:many]), windows[:many])
        assert len(shared.threads) == 2


class Failing(Session):
    def __init__(self, why: str) -> None:
        super().__init__(1)
        self.why = why

    def run(self, *_: Any) -> list[Any]:
        raise RuntimeError(self.why)


@pytest.mark.parametrize("windows", [1, 8])
def test_a_graph_that_fails_is_the_models_fault_whenever_it_does(windows: int) -> None:
    """As may be only with a sound that none was when the model was loaded; also in another thread."""
    classifier = OnnxClassifier(
        Failing("an index out of bounds\nand more"),
        "tiny",
        ["a"],
        unfit=lambda why: ModelError(f"tiny cannot be run ({why});", "use another"),
    )
    with pytest.raises(ModelError, match=r"tiny cannot be run \(an index out of bounds\); use another"):
        classifier.score(np.zeros((windows, 4), np.float32))


def test_a_lack_of_memory_is_not_the_models_fault() -> None:
    with pytest.raises(MemoryError):
        OnnxClassifier(Failing("std::bad_alloc"), "tiny", ["a"], unfit=ModelError).score(np.zeros((8, 4), np.float32))
