"""What a folder of somebody else's model says of it, and every way in which that can be wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.cards.folder import licence_of
from kwsd.errors import DeviceError, ModelError
from kwsd.labels import can_fire
from kwsd.zoo import DEFAULT_THRESHOLD, load_classifier, read_card

Foreign = Callable[[str], Path]


@pytest.fixture
def copy(foreign: Foreign, tmp_path: Path) -> Path:
    """A HuBERT classifier that a test may spoil."""
    return Path(shutil.copytree(foreign("hubert"), tmp_path / "mine"))


def change(path: Path, **values: Any) -> None:
    told = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))


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
    with pytest.raises(ModelError, match=r"mine does not say how it reads labels: .* lacks tokenizer\.json; fetch it"):
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
    with pytest.raises(ModelError, match=r"thresholds are for 'Yes', .*; did you mean 'yes'"):
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


def test_a_processors_configuration_without_an_extractor_says_nothing(copy: Path) -> None:
    (copy / "processor_config.json").write_text('{"processor_class": "Wav2Vec2Processor"}')
    assert read_card(str(copy)).rate == 16_000
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"lacks preprocessor_config\.json; fetch it too"):
        read_card(str(copy))


def test_labels_that_nobody_named(copy: Path) -> None:
    change(copy / "config.json", id2label=None, label2id=None, num_labels=7, architectures=None)
    card = read_card(str(copy))
    assert card.labels == tuple(f"LABEL_{index}" for index in range(7))
    assert load_classifier(card, device="cpu").labels == card.labels
    change(copy / "config.json", num_labels=None)
    assert read_card(str(copy)).labels == ("LABEL_0", "LABEL_1")


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
    with pytest.raises(ModelError, match="no whole file"):
        read_card(str(copy))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nabort\n(tR.")  # whoever unpickles this dies


def adapter(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no classifier": (lambda f: change(f / "config.json", architectures=["HubertModel"]), "it is HubertModel"),
    "speech to text": (lambda f: change(f / "config.json", architectures=["HubertForCTC"]), "kwsd train --backbone"),
    "a number": (lambda f: change(f / "config.json", problem_type="regression"), "no classifier"),
    "a number, by no class": (
        lambda f: change(f / "config.json", problem_type="regression", architectures=None),
        "no classifier",
    ),
    "labels without numbers": (lambda f: change(f / "config.json", id2label={"yes": 0}), "id2label"),
    "labels without end": (lambda f: change(f / "config.json", id2label=None, num_labels=2**40), "num_labels"),
    "no labels at all": (lambda f: change(f / "config.json", id2label={}), "names no labels"),
    "labels with an escape": (lambda f: change(f / "config.json", id2label={"0": "\x1b[2J"}), "control characters"),
    "a label of two": (lambda f: change(f / "config.json", id2label={"0": "a", "1": "b", "2": "a"}), "labels 0 and 2"),
    "one label": (lambda f: change(f / "config.json", id2label={"0": "yes"}), "one label, yes"),
    "a blank label": (lambda f: change(f / "config.json", id2label={"0": "a", "1": " "}), "label 1 is blank"),
    "any word": (lambda f: change(f / "config.json", id2label={"0": "a", "1": "*"}), "label 1 is '*', which"),
    "no extractor": (lambda f: (f / "preprocessor_config.json").unlink(), "preprocessor_config.json"),
    "a rate of none": (lambda f: change(f / "preprocessor_config.json", sampling_rate="fast"), "sampling_rate"),
    "a rate without end": (lambda f: change(f / "preprocessor_config.json", sampling_rate=2**63), "sampling_rate"),
    "a class that is none": (lambda f: change(f / "config.json", architectures={"a": 1}), "an unknown class"),
    "a class of two lines": (lambda f: change(f / "config.json", architectures=["a\nb"]), "an unknown class"),
    "a type that is a table": (lambda f: change(f / "config.json", model_type={}, architectures=[]), "unknown class"),
    "a window of an hour": (lambda f: change(f / "config.json", window_samples=57_600_000), "window_samples"),
    "a name of two lines": (lambda f: (f / "card.json").write_text('{"name": "a\\nb"}'), "none of them control"),
    "a pickle": (pickled, "pytorch_model.bin is a pickle"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "an adapter": (adapter, "merge it into its base"),
    "truncated": (lambda f: (f / "model.safetensors").write_bytes(b"\x10"), "no whole file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_without_loading_anything(copy: Path, fault: str) -> None:
    spoil, text = FAULTS[fault]
    spoil(copy)
    with pytest.raises(ModelError) as told:
        read_card(str(copy))
    assert text in str(told.value)
    assert "mine" in str(told.value)
    assert "\n" not in str(told.value)


def test_weights_without_a_head_are_refused(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"no weights for classifier\.weight"):
        load_classifier(read_card(str(copy)), device="cpu")


@pytest.mark.parametrize(
    ("architecture", "file", "odd"),
    [
        ("wav2vec2", "config.json", {"num_attention_heads": 0}),
        ("whisper", "preprocessor_config.json", {"hop_length": 0}),
    ],
)
def test_sizes_of_nothing_are_refused(
    foreign: Foreign, tmp_path: Path, architecture: str, file: str, odd: dict[str, int]
) -> None:
    mine = Path(shutil.copytree(foreign(architecture), tmp_path / "mine"))
    change(mine / file, **odd)
    with pytest.raises(ModelError, match="cannot load mine "):
        load_classifier(read_card(str(mine)), device="cpu")


def test_a_folder_whose_name_is_not_utf_8(copy: Path) -> None:
    """transformers opens weights by the path as a text."""
    renamed = copy.rename(copy.parent / os.fsdecode(b"mine\xff"))
    with pytest.raises(ModelError, match=r"cannot load mine.*is not valid UTF-8"):
        load_classifier(read_card(str(renamed)), device="cpu")


def test_labels_that_do_not_fit_the_weights(copy: Path) -> None:
    change(copy / "config.json", id2label={"0": "yes", "1": "no", "2": "up"}, label2id={"yes": 0, "no": 1, "up": 2})
    with pytest.raises(ModelError, match=r"cannot load mine .*names 3 labels and sizes that the weights do not fit"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_what_transformers_says_at_length_is_cut(copy: Path) -> None:
    change(copy / "preprocessor_config.json", feature_extractor_type="Mine")
    change(copy / "config.json", model_type="hubert")
    with pytest.raises(ModelError, match="cannot load mine ") as told:
        load_classifier(read_card(str(copy)), device="cpu")
    assert len(str(told.value)) < 600


def test_weights_that_diverged_are_refused(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights["classifier.bias"][0] = np.nan
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="mine: its scores are not numbers"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_code_in_a_model_is_never_run(copy: Path) -> None:
    (copy / "mine.py").write_text("raise SystemExit('code of the model was run')")
    change(
        copy / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "mine.Config", "AutoModelForAudioClassification": "mine.Model"},
    )
    with pytest.raises(ModelError, match=r"cannot load mine .* needs code of its own, which kwsd never runs; take"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_a_library_that_a_model_needs_is_missing_and_not_the_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(copy / "config.json", quantization_config={"quant_method": "torchao", "quant_type": "int8_weight_only"})
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(DeviceError, match=r"cannot load mine .* without another library: .*torchao.*; install it"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_names_that_are_neither_here_nor_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="kwsd models pull someone/some-model@v2"):
        read_card("someone/some-model@v2")
    with pytest.raises(ModelError, match="is called"):
        read_card("../someone")


def test_reading_a_card_imports_no_torch(foreign: Foreign) -> None:
    code = "import sys; from kwsd.zoo import read_card; read_card(sys.argv[1]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, foreign("ast")], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
