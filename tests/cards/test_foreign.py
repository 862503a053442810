"""What a folder of somebody else's model says of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import change

from kwsd.cards.folder import licence_of
from kwsd.errors import ModelError
from kwsd.labels import can_fire
from kwsd.zoo import DEFAULT_THRESHOLD, load_classifier, read_card

Foreign = Callable[[str], Path]


def test_what_is_no_word_never_fires() -> None:
    assert not any(
        map(can_fire, ("_silence_", "_unknown_", "silence", "unknown", "Silence", "UNKNOWN", "_background_noise_"))
    )
    assert all(map(can_fire, ("yes", "silent", "Unknown Pleasures", "")))


def test_a_card_without_a_card_file(foreign: Foreign) -> None:
    card = read_card(str(foreign("hubert")))
    assert (card.name, card.kind, card.licence, card.rate) == ("hubert", "classifier", "unknown", 16_000)
    assert card.words == ("yes", "no", "up", "down", "stop")
    assert card.thresholds["yes"] == DEFAULT_THRESHOLD
    assert (card.window, card.longest) == (16_000, None)
    assert card.size_bytes == (foreign("hubert") / "model.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("architecture", "window", "longest"),
    [("ast", 63 * 160 + 400, 63 * 160 + 400), ("whisper", 16_000, 32_000), ("wavlm", 16_000, None)],
)
def test_the_window_is_the_models_where_it_says_so(
    foreign: Foreign, architecture: str, window: int, longest: int | None
) -> None:
    card = read_card(str(foreign(architecture)))
    assert (card.window, card.longest) == (window, longest)


def test_a_zero_shot_model(clap: Path) -> None:
    card = read_card(str(clap))
    assert (card.kind, card.labels, card.rate, card.window) == ("zero-shot", (), 48_000, 160_000)


def test_a_zero_shot_model_without_its_tokenizer(clap: Path, tmp_path: Path) -> None:
    """transformers would load it, and give every label the same score."""
    mine = Path(shutil.copytree(clap, tmp_path / "mine"))
    (mine / "tokenizer.json").unlink()
    assert read_card(str(mine)).kind == "zero-shot"  # with vocab.json and merges.txt, as earlier releases wrote it
    (mine / "vocab.json").unlink()
    with pytest.raises(ModelError, match=r"mine has no tokenizer: .* lacks tokenizer\.json; fetch that file"):
        read_card(str(mine))


def test_a_window_in_the_config_goes_first(copy: Path) -> None:
    change(copy / "config.json", window_samples=24_000)
    assert read_card(str(copy)).window == 24_000


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("license: mit", "mit"), ("license:\n- cc0-1.0\n- mit", "cc0-1.0"), ("license:\nlanguage: en", "unknown"),
        ("license: # none yet", "unknown"), ("license: \x1b]0;mit", "unknown"), ('licence: "bsd"', "bsd"),
    ],
)  # fmt: skip
def test_the_licence_that_a_readme_names(tmp_path: Path, front: str, licence: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# It\n")
    assert licence_of(tmp_path, {}) == licence
    assert licence_of(tmp_path, {"licence": "CC0-1.0"}) == "CC0-1.0"


def test_licence_and_thresholds_from_what_lies_beside(copy: Path) -> None:
    (copy / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# A model\n")
    assert read_card(str(copy)).licence == "apache-2.0"
    (copy / "card.json").write_text(json.dumps({"name": "ours", "licence": "CC0-1.0", "thresholds": {"yes": 0.5}}))
    card = read_card(str(copy))
    assert (card.name, card.licence, card.thresholds["yes"]) == ("ours", "CC0-1.0", 0.5)


def test_a_threshold_for_what_is_no_label(copy: Path) -> None:
    (copy / "card.json").write_text(json.dumps({"thresholds": {"Yes": 0.5}}))
    with pytest.raises(ModelError, match=r"thresholds name 'Yes', .*; did you mean 'yes'"):
        read_card(str(copy))


def test_the_extractor_may_lie_in_the_processors_configuration(copy: Path) -> None:
    told = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").unlink()
    (copy / "processor_config.json").write_text(json.dumps({"feature_extractor": told | {"sampling_rate": 8_000}}))
    assert read_card(str(copy)).rate == 8_000


def test_a_processors_extractor_goes_before_one_beside_it(copy: Path) -> None:
    told = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "processor_config.json").write_text(json.dumps({"feature_extractor": told | {"sampling_rate": 8_000}}))
    assert read_card(str(copy)).rate == 8_000  # as in transformers
    (copy / "processor_config.json").write_text('{"processor_class": "Wav2Vec2Processor"}')
    assert read_card(str(copy)).rate == 16_000


@pytest.mark.parametrize(
    "processor",
    [
        {"audio_processor": {"sampling_rate": 8_000}},
        {"feature_extractor": {"sampling_rate": 8_000}, "audio_processor": {"sampling_rate": 4_000}},
        {"feature_extractor": None, "audio_processor": {"sampling_rate": 4_000}},
        {"feature_extractor": {}},
    ],
)
def test_the_extractor_that_is_checked_is_the_one_that_hears(copy: Path, processor: dict[str, Any]) -> None:
    from kwsd.networks.auto_classifier import FeatureExtractor

    told = json.loads((copy / "preprocessor_config.json").read_text())
    kind = {"feature_extractor_type": told["feature_extractor_type"]}
    for part in filter(None, processor.values()):
        part |= kind
    (copy / "processor_config.json").write_text(json.dumps(processor))
    change(copy / "preprocessor_config.json", sampling_rate=2_000, feature_extractor={"sampling_rate": 16_000})
    assert read_card(str(copy)).rate == FeatureExtractor(copy, "cpu").rate
    (copy / "processor_config.json").unlink()
    assert read_card(str(copy)).rate == FeatureExtractor(copy, "cpu").rate == 2_000


def test_a_processors_configuration_without_an_extractor_says_nothing(copy: Path) -> None:
    (copy / "processor_config.json").write_text('{"processor_class": "Wav2Vec2Processor"}')
    assert read_card(str(copy)).rate == 16_000
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"lacks preprocessor_config\.json; fetch that file too"):
        read_card(str(copy))


def test_labels_that_nobody_named(copy: Path) -> None:
    change(copy / "config.json", id2label=None, label2id=None, num_labels=7, architectures=None)
    card = read_card(str(copy))
    assert card.labels == tuple(f"LABEL_{index}" for index in range(7))
    assert load_classifier(card, device="cpu").labels == card.labels
    change(copy / "config.json", num_labels=None)  # two, to transformers
    with pytest.raises(ModelError, match="has no id2label, and the weights are for 7 labels"):
        read_card(str(copy))


def test_a_rate_may_be_written_as_a_fraction_of_one(copy: Path) -> None:
    change(copy / "preprocessor_config.json", sampling_rate=16_000.0)
    assert read_card(str(copy)).rate == 16_000


def test_weights_in_shards(copy: Path) -> None:
    from transformers import AutoModelForAudioClassification

    model = AutoModelForAudioClassification.from_pretrained(copy)
    (copy / "model.safetensors").unlink()
    model.save_pretrained(copy, max_shard_size="5KB")
    shards = sorted(copy.glob("model-*.safetensors"))
    assert len(shards) > 1
    card = read_card(str(copy))
    assert card.size_bytes == sum(shard.stat().st_size for shard in shards)
    assert len(load_classifier(card, device="cpu").labels) == 7
    shards[-1].unlink()
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        read_card(str(copy))


def test_names_that_are_neither_here_nor_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="kwsd models pull someone/some-model@v2"):
        read_card("someone/some-model@v2")
    with pytest.raises(ModelError, match="there is no model or folder"):
        read_card("../someone")


def test_reading_a_card_imports_no_torch(foreign: Foreign) -> None:
    code = "import sys; from kwsd.zoo import read_card; read_card(sys.argv[1]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, foreign("ast")], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "label", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "turn\u00a0on", "\U0001f469\u200d\U0001f373"]
)
def test_correct_spelling_is_no_control_character(copy: Path, label: str) -> None:
    change(copy / "config.json", id2label=dict(enumerate(("a", label, *"bcdef"))))
    assert label in read_card(str(copy)).labels


def test_an_umlaut_of_two_characters_is_the_one_that_a_keyboard_types(copy: Path) -> None:
    change(copy / "config.json", id2label=dict(enumerate(("gru\u0308n", *"abcdef"))))
    (copy / "card.json").write_text(json.dumps({"thresholds": {"gru\u0308n": 0.5}}))
    card = read_card(str(copy))
    assert card.labels[0] == "gr\u00fcn"
    assert card.thresholds["gr\u00fcn"] == 0.5
    assert load_classifier(card, device="cpu").labels == card.labels
    change(copy / "config.json", id2label=dict(enumerate(("gru\u0308n", "gr\u00fcn", *"abcde"))))
    with pytest.raises(ModelError, match="labels 0 and 1 are both 'gr\u00fcn'"):
        read_card(str(copy))


def test_no_classes_are_as_good_as_none(copy: Path) -> None:
    change(copy / "config.json", architectures=[])
    assert read_card(str(copy)).kind == "classifier"


@pytest.mark.parametrize(("rate", "longest"), [(8_000, 10_480), (16_000, 10_480), (32_000, 5_240)])
def test_a_spectrogram_of_another_rate_holds_no_more_than_transformers_counts(
    foreign: Foreign, tmp_path: Path, rate: int, longest: int
) -> None:
    mine = Path(shutil.copytree(foreign("ast"), tmp_path / "mine"))
    change(mine / "preprocessor_config.json", sampling_rate=rate)
    assert read_card(str(mine)).longest == longest


def test_a_clap_that_does_not_say_its_rate_has_that_of_transformers(clap: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(clap, tmp_path / "mine"))
    extractor = json.loads((mine / "preprocessor_config.json").read_text())
    del extractor["sampling_rate"]
    (mine / "preprocessor_config.json").write_text(json.dumps(extractor))
    assert read_card(str(mine)).rate == 48_000
