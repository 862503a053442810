"""Reads the folder of a foreign model, one that is not kwsd's own, without importing torch or transformers.

Such a folder holds what `save_pretrained` writes: config.json, preprocessor_config.json (or processor_config.json)
and the weights as safetensors, whole or in shards. A card.json may lie beside them: `kwsd train` writes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kwsd.cards.folder import MOST_TOKENS, check_regular, read_json, read_labels, whole
from kwsd.cards.names import (
    BACKBONE_TYPE,
    EXTRACTORS,
    HUBERT_TYPE,
    SPECIAL_TOKENS,
    TOKENIZER_CONFIG,
    TOKENIZERS,
    VERIFIER_TYPES,
    VOCABULARIES,
)
from kwsd.cards.untrusted import check_extractor, check_tokenizer, needs_code
from kwsd.config.sections import SHORTEST_WINDOW_S
from kwsd.errors import ModelError
from kwsd.samples import RATE

Kind = Literal["kwsd", "classifier", "zero-shot", "exported"]
"""kwsd's own network, anything that AutoModelForAudioClassification loads, CLAP, or an ONNX file of `kwsd export`."""
LONGEST_S = 600
"""The most seconds of a model's input; a buffer for more would not fit into memory."""
LEAST_WINDOW = round(SHORTEST_WINDOW_S * RATE)
"""The fewest samples of a model's window, and of the part of it that scores are about; no word fits into fewer."""
SINGLE, MANY = "single_label_classification", "multi_label_classification"
"""The problem_type of a model whose labels exclude each other, and of one whose labels do not."""
ZERO_SHOT = frozenset({"clap"})
"""Model types that have no labels of their own."""
_HEARING = frozenset({
    "audio-spectrogram-transformer", "data2vec-audio", "hubert", "sew", "sew-d", "unispeech", "unispeech-sat",
    "wav2vec2", "wav2vec2-bert", "wav2vec2-conformer", "wavlm", "whisper",
})  # fmt: skip
"""Model types that AutoModelForAudioClassification loads where a config names no class."""
_TRAINABLE = _HEARING | {"moonshine"}
"""Model types that `kwsd train --backbone` turns into a classifier."""
_RATES = {"clap": 48_000}
"""The rate that transformers assumes where a feature extractor's configuration names none; 16 kHz for other types."""
_FRAME = RATE // 100  # AST's spectrogram has a step every 160 samples, from frames of 400


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model's input and labels. `labels` is empty for a zero-shot model; `rate` is in Hz.

    `window` and `longest` are in samples at 16 kHz: the input's intended length (None if the model does not say), and
    the greatest possible one (None for no limit).
    """

    kind: Kind
    labels: tuple[str, ...]
    rate: int
    window: int | None
    longest: int | None


def is_foreign(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is that of a network other than kwsd's own."""
    return config.get("model_type") not in (HUBERT_TYPE, *VERIFIER_TYPES)


def lacks_tokenizer(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether it is a zero-shot model without a tokenizer to read its labels with."""
    zero_shot = str(config.get("model_type")) in ZERO_SHOT
    return zero_shot and not any((folder / name).is_file() for name in TOKENIZERS)


def read_spec(folder: Path, config: Mapping[str, Any], name: str) -> ModelSpec:
    """Read the model's specification from the configurations in `folder`.

    Raises:
        ModelError: it is no classifier, has no labels, lacks its feature extractor's configuration or its tokenizer,
            has an invalid value, or has only one label and a softmax, which gives every sound a score of 1.
    """
    kind = _kind(config, name)
    extractor = _extractor(folder, config, name)
    rate = _rate(config, extractor, folder)
    window, longest = _lengths(config, extractor, rate, folder)
    if lacks_tokenizer(folder, config):
        # transformers would make a tokenizer that knows no letter, and all labels would score the same
        raise ModelError(f"{name} has no tokenizer: {folder} lacks {TOKENIZERS[0]};", "fetch that file too")
    if kind == "zero-shot":
        for file in (*TOKENIZERS, *VOCABULARIES):
            check_regular(folder / file, most=MOST_TOKENS)
        check_tokenizer({"config.json": config, **_tables(folder, (TOKENIZER_CONFIG, SPECIAL_TOKENS))}, name)
    labels = () if kind == "zero-shot" else read_labels(folder, config)
    if len(labels) == 1 and config.get("problem_type") != MANY:  # a softmax over one is 1
        raise ModelError(
            f"{name} has only one label, {labels[0]}, which would score 1 for every sound;",
            f'use one with more, or, if it was trained with a sigmoid, write "problem_type": "{MANY}" in config.json',
        )
    return ModelSpec(kind, labels, rate, window, longest)


def longest_of(folder: Path, config: Mapping[str, Any], name: str) -> int | None:
    """The longest input of an encoder, in samples at 16 kHz; None for no limit. Raises ModelError."""
    extractor = _extractor(folder, config, name)
    return _lengths(config, extractor, _rate(config, extractor, folder), folder)[1]


def _rate(config: Mapping[str, Any], extractor: Mapping[str, Any], folder: Path) -> int:
    usual = _RATES.get(str(config.get("model_type")), RATE)
    return whole(extractor.get("sampling_rate", usual), folder, "sampling_rate", 1_000_000)


def _kind(config: Mapping[str, Any], name: str) -> Kind:
    check_type(config, name)
    kind, given = str(config["model_type"]), config.get("architectures")
    if kind in ZERO_SHOT:
        return "zero-shot"
    named = [str(one) for one in given if str(one).isprintable()] if isinstance(given, list) else []
    hears = not given and kind in _HEARING  # whether it has a head for labels shows when its weights are loaded
    if not hears and not any(_classifies(one, kind) for one in named):
        other = ", or train one from it with kwsd train --backbone" if kind in _TRAINABLE else ""
        found = named[0] if named else "a model of an unknown class"
        raise ModelError(
            f"{name} is not an audio classifier of transformers: it is {found};",
            f"use a model for audio classification{other}",
        )
    if config.get("problem_type") == "regression":
        what = f"{name} is not a classifier: it estimates a number (problem_type regression);"
        raise ModelError(what, "use another model")
    return "classifier"


def check_type(config: Mapping[str, Any], name: str) -> None:
    """Raise ModelError for a config.json of which no transformers makes a network: without a type, or with its code."""
    if "model_type" not in config:
        raise ModelError(
            f"{name} is not a model of transformers: its config.json has no model_type;",
            "fetch it again, or use another",
        )
    if config.get("auto_map") and str(config["model_type"]) not in _TRAINABLE | ZERO_SHOT:
        raise needs_code(name)


def _classifies(architecture: str, kind: str) -> bool:
    """Whether a class of transformers classifies sounds; those for sequences may also be for text."""
    return architecture.endswith("ForAudioClassification") or (
        architecture.endswith("ForSequenceClassification") and kind in _HEARING
    )


def _tables(folder: Path, files: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Those of the `files` that the folder has, by their names."""
    return {file: read_json(folder / file) for file in files if (folder / file).is_file()}


def _extractor(folder: Path, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The feature extractor's configuration, looked for as in transformers: first within a processor's."""
    found = _tables(folder, EXTRACTORS)
    check_extractor({"config.json": config, **found}, name)
    processor, alone = EXTRACTORS
    table = found.get(processor, {})
    nested = table.get("feature_extractor", table.get("audio_processor"))
    if isinstance(nested, Mapping):
        return nested
    if nested is None and alone in found:  # a processor's configuration that nests none only names its parts
        return found[alone]
    raise ModelError(
        f"{name} has no feature extractor: {folder} lacks {alone};",
        "fetch that file too, or write the one of its base model there: "
        "transformers.AutoFeatureExtractor.from_pretrained(BASE).save_pretrained(FOLDER)",
    )


def _lengths(
    config: Mapping[str, Any], extractor: Mapping[str, Any], rate: int, folder: Path
) -> tuple[int | None, int | None]:
    """The window and the longest input, in samples at 16 kHz.

    An AST's spectrogram has a fixed number of steps, and CLAP's input a fixed number of seconds: their windows are what
    they were trained on. Whisper pads every input to half a minute, which says nothing about the window.
    """
    own = config.get("window_samples")
    longest = None
    kind = config.get("model_type")
    if kind == BACKBONE_TYPE and isinstance(config.get("backbone"), Mapping):
        kind = config["backbone"].get("model_type")
    if kind == "audio-spectrogram-transformer":
        steps = whole(extractor.get("max_length", 1024), folder, "max_length", LONGEST_S * RATE // _FRAME)
        # transformers' spectrogram steps in samples whatever the rate, torchaudio's in time: take the shorter input.
        longest = ((steps - 1) * _FRAME + RATE // 40) * RATE // max(rate, RATE)
    elif kind == "clap":
        longest = whole(extractor.get("max_length_s", 10), folder, "max_length_s", LONGEST_S) * RATE
    window = longest if own is None else whole(own, folder, "window_samples", LONGEST_S * RATE, LEAST_WINDOW)
    if kind == "whisper":
        longest = whole(extractor.get("chunk_length", 30), folder, "chunk_length", LONGEST_S) * RATE
    return window, longest
