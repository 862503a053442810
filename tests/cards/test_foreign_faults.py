"""Every way in which a folder of somebody else's model can be wrong."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_folders import POINTER, change

from kwsd.errors import DeviceError, ModelError
from kwsd.zoo import load_classifier, read_card

Foreign = Callable[[str], Path]


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nabort\n(tR.")  # whoever unpickles this dies


def adapter(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")


def other_onnx(folder: Path) -> None:
    """As Optimum writes it."""
    (folder / "onnx").mkdir()
    (folder / "model.safetensors").rename(folder / "onnx" / "model.onnx")


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "not a classifier": (lambda f: change(f / "config.json", architectures=["HubertModel"]), "it is HubertModel"),
    "speech to text": (lambda f: change(f / "config.json", architectures=["HubertForCTC"]), "kwsd train --backbone"),
    "no model of transformers": (
        lambda f: change(f / "config.json", model_type=None),
        "has no model_type; fetch it again, or use another",
    ),
    "text": (
        lambda f: change(f / "config.json", model_type="bert", architectures=["BertForSequenceClassification"]),
        "it is BertForSequenceClassification; use a model for audio classification",
    ),
    "pictures": (lambda f: change(f / "config.json", model_type="vit", architectures=["ViTModel"]), "it is ViTModel"),
    "a number": (lambda f: change(f / "config.json", problem_type="regression"), "not a classifier"),
    "a number, by no class": (
        lambda f: change(f / "config.json", problem_type="regression", architectures=None),
        "not a classifier",
    ),
    "labels without numbers": (lambda f: change(f / "config.json", id2label={"yes": 0}), "id2label"),
    "labels without end": (lambda f: change(f / "config.json", id2label=None, num_labels=2**40), "num_labels"),
    "no labels at all": (lambda f: change(f / "config.json", id2label={}), "id2label is empty"),
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
    "code, and a type that is a table": (
        lambda f: change(f / "config.json", model_type={}, auto_map={"AutoConfig": "mine.Config"}),
        "needs its own code",
    ),
    "a window of a moment": (lambda f: change(f / "config.json", window_samples=1_599), "window_samples is 1599, but"),
    "a window of an hour": (lambda f: change(f / "config.json", window_samples=57_600_000), "window_samples"),
    "a name of two lines": (lambda f: (f / "card.json").write_text('{"name": "a\\nb"}'), "printable characters"),
    "a pickle": (pickled, "pytorch_model.bin, which kwsd never opens"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights (model.safetensors)"),
    "a pointer to weights": (lambda f: (f / "model.safetensors").write_text(POINTER), "and run git lfs pull in that"),
    "an adapter": (adapter, "merge it into its base"),
    "an adapter beside them": (lambda f: (f / "adapter_config.json").write_text("{}"), "would not use; merge it"),
    "weights by another name": (
        lambda f: (f / "model.safetensors").rename(f / "model.fp16.safetensors"),
        "has no model.safetensors, but model.fp16.safetensors; rename it",
    ),
    "parts of a distributed checkpoint": (
        lambda f: shutil.copy(f / "model.safetensors", f / "shard-00001-model-00001-of-00001.safetensors"),
        "(shard-00001-model-00001-of-00001.safetensors), which would replace them; remove those",
    ),
    "only parts of a distributed checkpoint": (
        lambda f: (f / "model.safetensors").rename(f / "shard-00001-model-00001-of-00001.safetensors"),
        "only parts of a distributed checkpoint (shard-00001-model-00001-of-00001.safetensors); merge them",
    ),
    "another's ONNX": (other_onnx, "ONNX files that kwsd has not written; use the model that they were made from"),
    "weights of another name": (
        lambda f: change(f / "config.json", transformers_weights="adapter_model.bin"),
        "names other weights than model.safetensors (transformers_weights: 'adapter_model.bin')",
    ),
    "attention by a kernel of the Hub": (
        lambda f: change(f / "config.json", attn_implementation="kernels-community/flash-attn2"),
        "(attn_implementation: 'kernels-community/flash-attn2'), which kwsd never runs",
    ),
    "attention by a kernel, in a part": (
        lambda f: change(f / "config.json", text_config={"_attn_implementation": {"": "someone/kernel:run"}}),
        "(_attn_implementation: 'someone/kernel:run'), which kwsd never runs",
    ),
    "attention by a number": (lambda f: change(f / "config.json", attn_implementation=7), "which kwsd never runs"),
    "truncated": (lambda f: (f / "model.safetensors").write_bytes(b"\x10"), "cannot be read"),
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
    with pytest.raises(ModelError, match=r"no weights for classifier\.weight; .* with kwsd train --backbone"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_a_head_by_others_code_is_told_and_not_filled_up_by_chance(copy: Path) -> None:
    """As a well-known notebook for the emotions of a voice makes them, the class of transformers in its config."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights = {name: values for name, values in weights.items() if not name.startswith(("classifier", "projector"))}
    weights |= {"classifier.dense.weight": np.eye(16, dtype=np.float32), "classifier.dense.bias": np.zeros(16, "f4")}
    weights |= {"classifier.out_proj.weight": np.zeros((7, 16), "f4"), "classifier.out_proj.bias": np.zeros(7, "f4")}
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"mine has a head of its own \('classifier\.dense\.bias'\), for which"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_an_ast_whose_labels_do_not_fit_its_last_layer(foreign: Foreign, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(foreign("ast"), tmp_path / "mine"))
    change(mine / "config.json", id2label={"0": "yes", "1": "no"}, label2id=None)
    with pytest.raises(ModelError, match=r"names 2 labels, but the weights are for 7; fetch"):
        read_card(str(mine))


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
    with pytest.raises(ModelError, match=r"mine: config\.json names 3 labels, but the weights are for 7; fetch"):
        read_card(str(copy))


def test_a_head_that_is_a_single_number(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors") | {"classifier.weight": np.array(1, np.float32)}
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"names 7 labels, but the weights are for 1; fetch"):
        read_card(str(copy))


def test_sizes_that_do_not_fit_the_weights(copy: Path) -> None:
    change(copy / "config.json", classifier_proj_size=5)
    with pytest.raises(
        ModelError, match=r"cannot load mine .*names 7 labels, or gives sizes, that do not fit the weights"
    ):
        load_classifier(read_card(str(copy)), device="cpu")


def test_what_transformers_says_at_length_is_cut(copy: Path) -> None:
    change(copy / "preprocessor_config.json", feature_extractor_type="MineFeatureExtractor")
    change(copy / "config.json", model_type="hubert")
    with pytest.raises(ModelError, match="cannot load mine ") as told:
        load_classifier(read_card(str(copy)), device="cpu")
    assert len(str(told.value)) < 600


def test_weights_that_diverged_are_refused(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights["classifier.bias"][0] = np.nan
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="mine: its scores are not finite numbers"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_a_library_that_a_model_needs_is_missing_and_not_the_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(copy / "config.json", quantization_config={"quant_method": "torchao", "quant_type": "int8_weight_only"})
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(DeviceError, match=r"cannot load mine .* without another library: .*torchao.*; install that"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_only_what_can_be_trained_is_recommended_for_it(copy: Path) -> None:
    change(copy / "config.json", model_type="vit", architectures=["ViTModel"])
    with pytest.raises(ModelError) as told:
        read_card(str(copy))
    assert "--backbone" not in str(told.value)


def test_files_that_do_not_belong_together_are_told_with_what_to_do(copy: Path, foreign: Foreign) -> None:
    shutil.copy(foreign("whisper") / "preprocessor_config.json", copy)
    with pytest.raises(ModelError, match=r"cannot load mine .*; fetch all of its files from the same revision"):
        load_classifier(read_card(str(copy)), device="cpu")


def test_a_lone_adapter_file_is_named(copy: Path) -> None:
    (copy / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"or remove adapter_model\.safetensors"):
        read_card(str(copy))


@pytest.mark.parametrize("labels", [("a", "\u200d"), ("ab", "a\u200db")])
def test_labels_that_nobody_can_tell_apart(copy: Path, labels: tuple[str, str]) -> None:
    change(copy / "config.json", id2label=dict(enumerate(labels)))
    with pytest.raises(ModelError, match=r"label 1 is blank|labels 0 and 1 are both 'ab'"):
        read_card(str(copy))


def test_labels_that_nobody_counted(copy: Path) -> None:
    config = copy / "config.json"
    table = json.loads(config.read_text())
    del table["id2label"], table["label2id"]
    config.write_text(json.dumps(table))
    with pytest.raises(
        ModelError, match=r"config\.json has no id2label, and the weights are for 7 labels; add id2label to it"
    ):
        read_card(str(copy))
