from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from kwsd.datasets.mixing import mean_power
from kwsd.errors import InputError
from kwsd.evaluation.selection import Sound
from kwsd.evaluation.stream_builder import StreamSettings, build_stream
from kwsd.samples import RATE


@pytest.fixture
def parts(say, babble):
    words = [Sound(word, f"{word}-{n}", say(word, 0.3 + 0.05 * n)) for n in range(3) for word in ("low", "high")]
    speech = [Sound("", f"s{n}", babble(n, 1.5 + 0.3 * n)) for n in range(9)]
    noise = [Sound("", f"n{n}", babble(100 + n, 5.0, 0.05)) for n in range(3)]
    return words, speech, noise


def test_the_same_seed_gives_the_same_samples(parts):
    one, same = build_stream(*parts, StreamSettings(seed=3)), build_stream(*parts, StreamSettings(seed=3))
    other = build_stream(*parts, StreamSettings(seed=4))
    assert np.array_equal(one.samples, same.samples)
    assert one.words == same.words
    assert one.words != other.words


def test_every_word_is_there_once_with_its_own_extent(parts):
    words, speech, _ = parts
    stream = build_stream(words, speech, (), StreamSettings(snr_db=None))
    assert sorted(word.clip for word in stream.words) == sorted(sound.name for sound in words)
    assert list(stream.words) == sorted(stream.words)
    for word in stream.words:
        spoken_s = 0.3 + 0.05 * int(word.clip[-1])
        assert (word.end - word.start) / RATE == pytest.approx(spoken_s, abs=0.05)  # not the padded second
        assert word.clip.startswith(word.word)


def test_a_phrase_is_there_whole(say, babble):
    phrase = np.concatenate([say("low", 0.3, total_s=0.5), say("high", 0.4, total_s=0.8)])  # 0.3 s apart
    speech = [Sound("", "s0", babble(0))]
    (word,) = build_stream([Sound("both", "both-0", phrase)], speech, (), StreamSettings(snr_db=None)).words
    assert (word.end - word.start) / RATE == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 5.0, 0.0])
def test_the_ratio_is_that_of_mean_powers_over_the_word(parts, snr_db):
    words, speech, noise = parts
    noisy = build_stream(words, speech, noise, StreamSettings(snr_db=snr_db, level_db=-30, spread_db=3))
    # A tone is known exactly: what of the word's place does not lie on it is noise.
    for word in noisy.words:
        part = noisy.samples[word.start + 480 : word.end - 480].astype(float) / 32768
        time = np.arange(len(part)) / RATE
        pitch = 500 if word.word == "low" else 1500
        wave = np.stack([np.sin(2 * np.pi * pitch * time), np.cos(2 * np.pi * pitch * time)], axis=1)
        tone = wave @ np.linalg.lstsq(wave, part, rcond=None)[0]
        assert 10 * np.log10(mean_power(tone) / mean_power(part - tone)) == pytest.approx(snr_db, abs=0.8)


def test_a_peak_does_not_count_as_power(say, babble):
    # Clicks have a great peak and little power: by peaks the ratio would be some 15 dB off.
    clicks = babble(1, 5.0, 0.001).copy()
    clicks[::400] = 20_000
    words = [Sound("low", "l", say("low", 0.5))]
    quiet = StreamSettings(snr_db=None, spread_db=0)
    clean = build_stream(words, [], (), quiet)
    noisy = build_stream(words, [], [Sound("", "clicks", clicks)], StreamSettings(snr_db=10.0, spread_db=0))
    (word,) = noisy.words
    assert word.end - word.start == clean.words[0].end - clean.words[0].start
    place, original = noisy.samples[word.start : word.end], clean.samples[clean.words[0].start : clean.words[0].end]
    noise = (place.astype(float) - original) / 32768
    assert 10 * np.log10(mean_power(original) / mean_power(noise)) == pytest.approx(10.0, abs=0.1)


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(mean_power(samples)))


def test_words_and_sentences_are_as_loud_as_asked_without_the_silence_around_them(say, babble):
    sentence = np.concatenate([np.zeros(RATE, np.int16), babble(1, 1.0), np.zeros(RATE, np.int16)])
    words = [Sound("low", f"{n}", say("low")) for n in range(2)]
    settings = StreamSettings(snr_db=None, pause_s=(0.5, 0.5), level_db=-30, spread_db=0)
    stream = build_stream(words, [Sound("", "s", sentence)], (), settings)
    levels = [decibels(stream.samples[word.start : word.end]) for word in stream.words]
    assert levels == pytest.approx([-30, -30], abs=0.2)
    talk = stream.samples[stream.words[0].end + round(1.5 * RATE) :][:RATE]
    assert decibels(talk) == pytest.approx(-30, abs=0.2)


def test_levels_are_drawn_on_both_sides_of_the_one_that_is_asked_for(say):
    words = [Sound("low", f"{n}", say("low")) for n in range(40)]
    stream = build_stream(words, [], (), StreamSettings(snr_db=None, level_db=-30, spread_db=6))
    levels = [decibels(stream.samples[word.start : word.end]) for word in stream.words]
    assert -36.2 < min(levels) < -33
    assert -27 < max(levels) < -23.8


def test_after_the_last_word_comes_its_pause_and_the_tail_with_noise_at_the_asked_ratio_to_the_level(say):
    noise = np.tile(np.array([9000, -9000], np.int16), 5 * RATE)
    settings = StreamSettings(snr_db=10.0, pause_s=(0.3, 0.3), level_db=-30, spread_db=6, tail_s=2.5)
    stream = build_stream([Sound("low", "l", say("low"))], [], [Sound("", "n", noise)], settings)
    assert len(stream.samples) - stream.words[0].end == round(2.8 * RATE)
    assert decibels(stream.samples[-2 * RATE : -RATE]) == pytest.approx(-40, abs=0.5)
    assert (stream.samples[0], stream.samples[-1]) == (0, 0)  # it does not click


def test_noise_is_another_one_under_each_word(say, babble):
    words, noise = [Sound("low", "l", say("low"))] * 2, [Sound("", "n", babble(1, 9.0))]
    settings = StreamSettings(pause_s=(0.3, 0.3), spread_db=0, tail_s=0)
    first, second = np.split(build_stream(words, [], noise, settings).samples, 2)
    assert len(first) == len(second)
    assert not np.array_equal(first, second)


def test_what_is_heard_around_a_word_fades_and_the_word_does_not(say):
    around = np.tile(np.array([500, -500], np.int16), RATE // 2)
    clip = np.where(say("low") == 0, around, say("low"))
    settings = StreamSettings(snr_db=None, pause_s=(0.2, 0.2), level_db=-20, spread_db=0, tail_s=0)
    stream = build_stream([Sound("low", "l", clip)], [], (), settings)
    (word,) = stream.words
    heard = np.abs(stream.samples.astype(int))
    for edge in (heard[: word.start - 800], heard[word.end + 800 :][::-1]):
        assert edge[0] == 0
        assert (np.diff(edge[:320:2]) >= 0).all()
        assert edge[321:].min() > 0.9 * edge.max() > 100
    whole = say("low", 0.4, total_s=0.4)
    stream = build_stream([Sound("low", "l", whole)], [], (), settings)
    place = stream.samples[round(0.2 * RATE) :][: len(whole)].astype(float)
    ratio = place[abs(whole) > 1000] / whole[abs(whole) > 1000]
    assert ratio.max() < 1.01 * ratio.min()


@pytest.mark.parametrize("seed", range(3))
def test_sentences_come_in_an_order_of_the_seed(say, babble, seed):
    words = [Sound("low", f"{n}", say("low")) for n in range(6)]
    speech = [Sound("", f"{n}", babble(n, 1.0 + n)) for n in range(5)]
    settings = StreamSettings(snr_db=None, pause_s=(0.5, 0.5), seed=seed)
    starts = [word.start for word in build_stream(words, speech, (), settings).words]
    lasting = [round(gap / RATE - 1.4) for gap in np.diff(starts)]
    assert sorted(lasting) == [1, 2, 3, 4, 5]
    assert lasting != [1, 2, 3, 4, 5]


def test_words_stand_between_speech_with_a_pause_on_both_sides(say, babble):
    words = [Sound("low", f"l{n}", say("low", 0.4)) for n in range(4)]
    speech = [Sound("", f"s{n}", babble(n, 2.0)) for n in range(3)]
    stream = build_stream(words, speech, (), StreamSettings(snr_db=None, pause_s=(0.5, 0.8), tail_s=0.0))
    loud = np.abs(stream.samples) > 300
    for word in stream.words:
        before = loud[max(0, word.start - round(0.45 * RATE)) : word.start - 400]
        after = loud[word.end + 400 : word.end + round(0.45 * RATE)]
        assert not before.any()
        assert not after.any()
    assert len(stream.words) == 4
    assert loud.sum() > 3 * 2.0 * RATE * 0.9  # all speech is in it, whole


def test_each_place_gets_a_word_before_any_gets_two(say, babble):
    words = [Sound("low", f"l{n}", say("low")) for n in range(8)]
    speech = [Sound("", f"s{n}", babble(n, 3.0)) for n in range(3)]
    stream = build_stream(words, speech, (), StreamSettings(snr_db=None))
    gaps = np.diff([word.start for word in stream.words]) / RATE
    assert (gaps > 3.0).sum() == 3  # four places, two words each


def test_a_bark_that_misses_the_word_is_not_blown_up(say, babble):
    bark = babble(3, 5.0, 0.0005)
    bark[42_000:46_000] = babble(1, 0.25, 0.2)
    steady = babble(2, 5.0, 0.02)
    words = [Sound("low", f"l{n}", say("low")) for n in range(6)]
    speech = [Sound("", f"s{n}", babble(n + 9, 2.0)) for n in range(6)]
    noise = [Sound("", "bark", bark), Sound("", "steady", steady)]
    stream = build_stream(words, speech, noise, StreamSettings(snr_db=10.0))
    assert (np.abs(stream.samples.astype(int)) >= 32767).mean() < 0.001


def test_the_offset_of_a_soft_recording_is_not_amplified(say, babble):
    def built(offset: int):
        parts = say("low", level=0.01), babble(1, level=0.004), babble(2, level=0.001)
        return build_stream(*([Sound("low", "", samples + np.int16(offset))] for samples in parts), StreamSettings())

    straight, shifted = built(0), built(300)  # 1 % of full scale, as of a cheap sound card
    assert shifted.words == straight.words
    assert np.abs(shifted.samples.astype(int) - straight.samples).max() <= 1


def test_noise_that_is_too_loud_for_16_bits_is_told(parts):
    words, speech, noise = parts
    quiet = StreamSettings(snr_db=-20.0, level_db=-60, spread_db=0)
    assert not build_stream(words, speech, noise, quiet).notes
    loud = build_stream(words, speech, noise, StreamSettings(snr_db=-40.0, level_db=-20, spread_db=0))
    assert loud.notes == (
        "words with less noise than asked for, by more than 0.5 dB, as the noise under them is clipped: 6 of 6",
    )


def test_silent_noise_and_a_silent_word_do_no_harm(say):
    silent = [Sound("", "z", np.zeros(RATE, np.int16))]
    stream = build_stream([Sound("low", "l", say("low"))], [], silent, StreamSettings(snr_db=10.0))
    assert np.abs(stream.samples).max() > 0
    assert stream.notes == ("words without noise, for it is silent where they are spoken: 1 of 1",)
    mute = build_stream([Sound("low", "z", np.zeros(RATE, np.int16))], [], silent, StreamSettings(snr_db=None))
    assert not mute.samples.any()
    assert not mute.notes


def test_what_is_missing_is_said(say):
    with pytest.raises(InputError, match="no recordings of words"):
        build_stream([], [], [], StreamSettings(snr_db=None))
    with pytest.raises(InputError, match="no recordings of noise"):
        build_stream([Sound("low", "l", say("low"))], [], [])


def test_the_pieces_of_a_long_stream_are_in_memory_once(say, babble):
    words = [Sound("low", f"{n}", say("low")) for n in range(20)]
    speech = [Sound("", f"{n}", np.resize(babble(n, 1.0), 20 * RATE)) for n in range(20)]
    tracemalloc.start()
    try:
        stream = build_stream(words, speech, settings=StreamSettings(None))
        assert tracemalloc.get_traced_memory()[1] < 1.7 * stream.samples.nbytes
    finally:
        tracemalloc.stop()
