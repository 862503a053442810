"""A short recording is said again, elsewhere in its hops."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.benchmark.phases import at_phases
from kwsd.evaluation.truth import SpokenWord, Stream


@pytest.mark.parametrize("length", [16_000, 16_001, 17_599])
@pytest.mark.parametrize(("hop", "coarse", "span"), [(800, 1600, 1600), (1600, 4000, 3200), (3200, 4000, 6400)])
def test_a_short_recording_comes_three_times_a_third_of_the_way_between_two_looks_further(
    length: int, hop: int, coarse: int, span: int
) -> None:
    samples = np.random.default_rng(1).integers(-100, 100, length).astype(np.int16)
    said = at_phases(Stream("x", samples, (SpokenWord(8000, 9000, "yes"),)), hop, coarse)
    assert [word.start % span for word in said.words] == [(8000 + n * (span // 3)) % span for n in range(3)]
    assert said.words[1].start - said.words[0].start >= length + 16_000
    for word in said.words:
        np.testing.assert_array_equal(said.samples[word.start : word.end], samples[8000:9000])


def test_a_long_one_stays_as_it_is() -> None:
    stream = Stream("x", np.zeros(20 * 16_000, np.int16), ())
    assert at_phases(stream, 800, 1600) is stream
