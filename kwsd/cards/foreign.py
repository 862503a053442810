"""What the folder of somebody else's model says of it, read without importing torch or transformers.

Such a folder holds what `save_pretrained` writes: config.json, preprocessor_config.json (or processor_config.json)
and the weights as safetensors, whole or in shards. A card.json may lie beside them: `kwsd train` writes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kwsd.cards.folder import read_json, read_labels, whole
from kwsd.cards.names import BACKBONE_TYPE, EXTRACTORS, LARGER_TYPE, OWN_TYPE, TOKENIZERS
from kwsd.errors import ModelError
from kwsd.samples import RATE

Kind = Literal["kwsd", "classifier", "zero-shot", "exported"]
"""kwsd's own network, anything that AutoModelForAudioClassification loads, CLAP, or an ONNX file of `kwsd export`."""
LONGEST_S = 600
"""Seconds that a model may want to hear at once; a buffer for more would not fit into the memory."""
MANY = "multi_label_classification"
"""The problem_type of a model whose labels do not exclude each other."""
ZERO_SHOT = frozenset({"clap"})
"""Types that have no labels of their own."""
_HEARING = frozenset({
    "audio-spectrogram-transformer", "data2vec-audio", "hubert", "sew", "sew-d", "unispeech", "unispeech-sat",
    "wav2vec2", "wav2vec2-bert", "wav2vec2-conformer", "wavlm", "whisper",
})  # fmt: skip
"""Types of which AutoModelForAudioClassification makes one where a config names no class."""
_TRAINABLE = _HEARING | {"moonshine"}
"""Types of which `kwsd train --backbone` makes a classifier."""
_RATES = {"clap": 48_000}
"""Where a feature extractor's configuration does not say its rate, transformers takes this one, else 16 kHz."""
_FRAME = RATE // 100  # AST's spectrogram takes a step every 160 samples, from 400


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model takes and says. `labels` is empty for a zero-shot model; `rate` is in Hz.

    `window` and `longest` are in samples at 16 kHz: what it wants to hear at once (None where it does not say), and
    the most that it can (None where there is no limit).
    """

    kind: Kind
    labels: tuple[str, ...]
    rate: int
    window: int | None
    longest: int | None


def is_foreign(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is of another network than kwsd's own ones."""
    return config.get("model_type") not in (OWN_TYPE, LARGER_TYPE)


def lacks_tokenizer(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a zero-shot model has nothing to read its labels with."""
    zero_shot = str(config.get("model_type")) in ZERO_SHOT
    return zero_shot and not any((folder / name).is_file() for name in TOKENIZERS)


def read_spec(folder: Path, config: Mapping[str, Any], name: str) -> ModelSpec:
    """What the configurations in `folder` say of the model.

    Raises:
        ModelError: it is no classifier, has no labels, lacks its feature extractor's configuration or its tokenizer,
            says of itself what cannot be, or has one label that excludes nothing.
    """
    kind = _kind(config, name)
    extractor = _extractor(folder, name)
    rate = _rate(config, extractor, folder)
    window, longest = _lengths(config, extractor, rate, folder)
    if lacks_tokenizer(folder, config):
        # transformers would make a tokenizer that knows no letter, and all labels would score the same
        raise ModelError(f"{name} does not say how it reads labels: {folder} lacks {TOKENIZERS[0]};", "fetch it too")
    labels = () if kind == "zero-shot" else read_labels(folder, config)
    if len(labels) == 1 and config.get("problem_type") != MANY:  # a softmax over one is 1
        raise ModelError(
            f"{name} has one label, {labels[0]}, which every sound would get;",
            f'take a model with two, or, if it was trained so, write "problem_type": "{MANY}" in its config.json',
        )
    return ModelSpec(kind, labels, rate, window, longest)


def longest_of(folder: Path, config: Mapping[str, Any], name: str) -> int | None:
    """The most that an encoder hears at once, in samples at 16 kHz; None for no limit. Raises ModelError."""
    extractor = _extractor(folder, name)
    return _lengths(config, extractor, _rate(config, extractor, folder), folder)[1]


def _rate(config: Mapping[str, Any], extractor: Mapping[str, Any], folder: Path) -> int:
    usual = _RATES.get(str(config.get("model_type")), RATE)
    return whole(extractor.get("sampling_rate", usual), folder, "sampling_rate", 1_000_000)


def _kind(config: Mapping[str, Any], name: str) -> Kind:
    if "model_type" not in config:
        raise ModelError(f"{name} is no model of transformers: its config.json names no model_type;", "take another")
    kind, given = str(config["model_type"]), config.get("architectures")
    if kind in ZERO_SHOT:
        return "zero-shot"
    if config.get("auto_map") and kind not in _TRAINABLE:
        raise needs_code(name)
    named = [str(one) for one in given if str(one).isprintable()] if isinstance(given, list) else []
    hears = not given and kind in _HEARING  # if it has no head for labels, its weights will tell
    if not hears and not any(_classifies(one, kind) for one in named):
        other = ", or make one of it: kwsd train --backbone" if kind in _TRAINABLE else ""
        raise ModelError(
            f"{name} is no audio classifier: it is {named[0] if named else 'a model of an unknown class'};",
            f"take a model made for audio classification{other}",
        )
    if config.get("problem_type") == "regression":
        raise ModelError(f"{name} is no classifier: it estimates a number (problem_type regression);", "take another")
    return "classifier"


def _classifies(architecture: str, kind: str) -> bool:
    """Whether a class of transformers gives sounds their labels. Text has classifiers of sequences, too."""
    return architecture.endswith("ForAudioClassification") or (
        architecture.endswith("ForSequenceClassification") and kind in _HEARING
    )


def needs_code(name: str) -> ModelError:
    """The error for a model whose network is not one of transformers' own."""
    return ModelError(f"{name} needs code of its own, which kwsd never runs;", "take another")


def _extractor(folder: Path, name: str) -> Mapping[str, Any]:
    """The feature extractor's configuration, where transformers looks for it: in a processor's first."""
    found = {file: read_json(folder / file) for file in EXTRACTORS if (folder / file).is_file()}
    nested = [inner for table in found.values() if isinstance(inner := table.get("feature_extractor"), Mapping)]
    if nested:
        return nested[0]
    if (alone := EXTRACTORS[-1]) in found:  # a processor's configuration that nests none only names its parts
        return found[alone]
    raise ModelError(
        f"{name} does not say how it wants to hear: {folder} lacks {alone};",
        "fetch it too, or write that of its base there: "
        "transformers.AutoFeatureExtractor.from_pretrained(BASE).save_pretrained(FOLDER)",
    )


def _lengths(
    config: Mapping[str, Any], extractor: Mapping[str, Any], rate: int, folder: Path
) -> tuple[int | None, int | None]:
    """The window and the longest input, in samples at 16 kHz.

    An AST has a spectrogram of so many steps, CLAP hears so many seconds: they were trained on that much. Whisper pads
    whatever it gets to half a minute, which says nothing about how much of it should be sound.
    """
    own = config.get("window_samples")
    longest = None
    kind = config.get("model_type")
    if kind == BACKBONE_TYPE and isinstance(config.get("backbone"), Mapping):
        kind = config["backbone"].get("model_type")
    if kind == "audio-spectrogram-transformer":
        steps = whole(extractor.get("max_length", 1024), folder, "max_length", LONGEST_S * RATE // _FRAME)
        # Transformers' own spectrogram counts samples at any rate, torchaudio's time: the shorter one is always heard.
        longest = ((steps - 1) * _FRAME + RATE // 40) * RATE // max(rate, RATE)
    elif kind == "clap":
        longest = whole(extractor.get("max_length_s", 10), folder, "max_length_s", LONGEST_S) * RATE
    window = longest if own is None else whole(own, folder, "window_samples", LONGEST_S * RATE)
    if kind == "whisper":
        longest = whole(extractor.get("chunk_length", 30), folder, "chunk_length", LONGEST_S) * RATE
    return window, longest
