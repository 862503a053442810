"""Recordings are decoded once, and again when what is said of them has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from kwsd.training.corpus import decode

HEAD = "file\tclip\tlabel\tspeaker\tstart\tlength\n"


def test_a_corrected_index_is_believed(tmp_path: Path) -> None:
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    folder.mkdir()
    soundfile.write(folder / "all.wav", np.zeros(32_000, np.int16), 16_000)
    index = folder / "index.tsv"
    index.write_text(HEAD + "all.wav\ta\ton\t\t0\t16000\nall.wav\tb\toff\t\t16000\t16000\n")
    assert decode([folder], cache).labels.tolist() == ["on", "off"]
    index.write_text(HEAD + "all.wav\ta\toff\tann\t0\t16000\nall.wav\tb\toff\tben\t16000\t16000\n")
    again = decode([folder], cache)
    assert again.labels.tolist() == ["off", "off"]
    assert again.speakers.tolist() == ["ann", "ben"]


def test_what_was_decoded_is_not_decoded_again(tmp_path: Path) -> None:
    folder, cache = tmp_path / "clips", tmp_path / "cache"
    (folder / "on").mkdir(parents=True)
    soundfile.write(folder / "on" / "a.wav", np.full(16_000, 77, np.int16), 16_000)
    told: list[tuple[int, int]] = []
    for _ in range(2):
        corpus = decode([folder], cache, lambda done, total: told.append((done, total)))
        assert (corpus.clip(0) == 77).all()
    assert told == [(1, 1)]
