"""What a model's card says of its name, its files, and the sound that its scores are about."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from foreign_folders import change
from safetensors.numpy import save_file

from kwsd.errors import ModelError
from kwsd.zoo import read_card


def test_the_checksums_of_a_foreign_model_are_verified(copy: Path) -> None:
    (copy / "card.json").write_text('{"sha256": {"model.safetensors": "' + 64 * "0" + '"}}')
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged: its SHA-256 differs"):
        read_card(str(copy))


def test_a_foreign_model_is_listened_to_as_its_card_says(copy: Path) -> None:
    (copy / "card.json").write_text('{"smoothing": 7}')
    assert read_card(str(copy)).smoothing == 7


@pytest.mark.parametrize("given", [".", "../mine", "./../mine/"])
def test_a_folder_without_a_name_in_its_card_is_named_after_itself(
    copy: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(copy)
    assert read_card(given).name == "mine"


def test_a_folder_that_reads_like_an_id_of_the_hub_has_its_own_name(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy.parents[1])
    assert read_card(f"{copy.parent.name}/mine").name == "mine"


def test_a_folders_name_is_made_printable(copy: Path) -> None:
    renamed = copy.rename(copy.parent / "a\n\x1b[2Jb")
    assert read_card(str(renamed)).name.isprintable()


@pytest.fixture
def larger(tmp_path: Path) -> Path:
    """A folder that is a larger model of kwsd's own as far as a card can tell: scores about the last of two seconds."""
    place = tmp_path / "larger"
    place.mkdir()
    labels = {"0": "yes", "1": "_unknown_", "2": "_silence_"}
    told = {"model_type": "kwsd-moonshine", "id2label": labels, "window_samples": 32_000, "about_samples": 16_000}
    (place / "config.json").write_text(json.dumps(told))
    save_file({"word_head.outer.weight": np.zeros((2, 4), np.float32)}, place / "model.safetensors")
    return place


@pytest.mark.parametrize("about", [1_599, 32_001])
def test_scores_are_about_enough_sound_for_a_word_and_no_more_than_is_heard(larger: Path, about: int) -> None:
    assert (read_card(str(larger)).about, read_card(str(larger)).window) == (16_000, 32_000)
    change(larger / "config.json", about_samples=about)
    with pytest.raises(ModelError, match=f"about_samples is {about}, but must be .*; fetch the model again"):
        read_card(str(larger))


def test_the_least_that_scores_can_be_about_is_a_tenth_of_a_second(larger: Path) -> None:
    change(larger / "config.json", about_samples=1_600)
    card = read_card(str(larger))
    assert (card.about, card.window, card.heard) == (1_600, 32_000, 32_000)
    assert replace(card, window=800).about == 800  # no more than is heard


def test_a_licence_goes_to_terminals(larger: Path) -> None:
    (larger / "card.json").write_text(json.dumps({"licence": "mit\x1b[2J"}))
    with pytest.raises(ModelError, match=r"the licence 'mit\\x1b\[2J' contains control characters"):
        read_card(str(larger))


@pytest.mark.parametrize(("count", "told"), [(3, "'w0', 'w1', 'w2', which"), (4, "'w0', 'w1', 'w2' and 1 more, which")])
def test_of_thresholds_for_no_word_three_are_named(larger: Path, count: int, told: str) -> None:
    (larger / "card.json").write_text(json.dumps({"thresholds": {f"w{number}": 0.5 for number in range(count)}}))
    with pytest.raises(ModelError, match=told):
        read_card(str(larger))


def test_two_thresholds_of_one_word_are_refused(larger: Path) -> None:
    """Encoded in two ways; whichever counts, the other was chosen for nothing."""
    (larger / "card.json").write_text(json.dumps({"thresholds": {"gr\u00fcn": 0.5, "gru\u0308n": 0.9}}))
    with pytest.raises(ModelError, match=r"card\.json: the thresholds have 'gr\u00fcn' twice, .*; remove one of them"):
        read_card(str(larger))


def test_a_smaller_models_scores_are_about_all_that_it_hears(larger: Path) -> None:
    change(larger / "config.json", model_type="kwsd-hubert")
    assert read_card(str(larger)).about == 32_000


def test_no_file_outside_the_folder_is_read_for_its_checksum(larger: Path) -> None:
    (larger.parent / "other").write_bytes(b"")
    (larger / "card.json").write_text(json.dumps({"sha256": {"../other": sha256(b"").hexdigest()}}))
    with pytest.raises(ModelError, match=r"card\.json lists '\.\./other', but there is no such file in that folder"):
        read_card(str(larger))
