"""What the folder of somebody else's model says of it, read without importing torch or transformers.

Such a folder holds what `save_pretrained` writes: config.json, preprocessor_config.json (or processor_config.json)
and the weights as safetensors, whole or in shards. A card.json may lie beside them: `kwsd train` writes one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kwsd.errors import ModelError
from kwsd.events import RATE
from kwsd.labels import unclear
from kwsd.networks.names import EXTRACTORS, INDEX, LARGER_TYPE, OWN_TYPE, WEIGHTS

Kind = Literal["kwsd", "classifier", "zero-shot", "exported"]
"""kwsd's own network, anything that AutoModelForAudioClassification loads, CLAP, or an ONNX file of `kwsd export`."""

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack")
"""How weights are called that can run code, or that only other libraries read: they are never opened."""

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
_FRAME = RATE // 100  # AST's spectrogram takes a step every 10 ms, at 16 kHz, from 25 ms of sound


@dataclass(frozen=True, slots=True)
class Nature:
    """What a model takes and says. `labels` is empty for a zero-shot model; `rate` is in Hz.

    `window` and `longest` are in samples at 16 kHz: what it wants to hear at once (None where it does not say), and
    the most that it can (None where there is no limit).
    """

    kind: Kind
    labels: tuple[str, ...]
    rate: int
    window: int | None
    longest: int | None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a regular file. Raises ModelError."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ModelError(f"{path} is no regular file", "fetch the model again")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}", "fetch the model again") from error
    except RecursionError as error:
        raise ModelError(f"cannot read {path}: too deeply nested", "fetch the model again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is no JSON object", "fetch the model again")
    return value


def is_foreign(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is of another network than kwsd's own ones."""
    return config.get("model_type", OWN_TYPE) not in (OWN_TYPE, LARGER_TYPE)


def read_nature(folder: Path, config: Mapping[str, Any], name: str) -> Nature:
    """What the configurations in `folder` say of the model.

    Raises:
        ModelError: it is no classifier, has no labels, lacks its feature extractor's configuration, says of itself
            what cannot be, or has one label that excludes nothing.
    """
    kind = _kind(config, name)
    extractor = _extractor(folder, name)
    rate = whole(extractor.get("sampling_rate", RATE), folder, "sampling_rate", 1_000_000)
    window, longest = _lengths(config, extractor, folder)
    labels = () if kind == "zero-shot" else read_labels(folder, config)
    if len(labels) == 1 and config.get("problem_type") != MANY:  # a softmax over one is 1
        raise ModelError(
            f"{name} has one label, {labels[0]}, which every sound would get;",
            f'take a model with two, or, if it was trained so, write "problem_type": "{MANY}" in its config.json',
        )
    return Nature(kind, labels, rate, window, longest)


def longest_of(folder: Path, config: Mapping[str, Any], name: str) -> int | None:
    """The most that an encoder hears at once, in samples at 16 kHz; None for no limit. Raises ModelError."""
    return _lengths(config, _extractor(folder, name), folder)[1]


def _kind(config: Mapping[str, Any], name: str) -> Kind:
    if str(config.get("model_type")) in ZERO_SHOT:
        return "zero-shot"
    given = config.get("architectures")
    if (
        given is None and str(config.get("model_type")) in _HEARING
    ):  # if it has no head for labels, its weights will tell
        return "classifier"
    named = [str(name) for name in given if str(name).isprintable()] if isinstance(given, list) else []
    named = named or ["a model of an unknown class"]
    if not any(re.search(r"For(Sequence|Audio)Classification$", architecture) for architecture in named):
        raise ModelError(
            f"{name} is no audio classifier: it is {named[0]};",
            "take a model made for audio classification, or make one of it: kwsd train --backbone",
        )
    if config.get("problem_type") == "regression":
        raise ModelError(f"{name} is no classifier: it estimates a number (problem_type regression);", "take another")
    return "classifier"


def _extractor(folder: Path, name: str) -> Mapping[str, Any]:
    """The feature extractor's configuration, where transformers looks for it: in a processor's first."""
    found = [read_json(folder / name) for name in EXTRACTORS if (folder / name).is_file()]
    nested = [inner for table in found if isinstance(inner := table.get("feature_extractor"), Mapping)]
    if found:
        return nested[0] if nested else found[-1]
    raise ModelError(
        f"{name} does not say how it wants to hear: {folder} lacks preprocessor_config.json;", "fetch it too"
    )


def _lengths(config: Mapping[str, Any], extractor: Mapping[str, Any], folder: Path) -> tuple[int | None, int | None]:
    """The window and the longest input, in samples at 16 kHz.

    An AST has a spectrogram of so many steps, CLAP hears so many seconds: they were trained on that much. Whisper pads
    whatever it gets to half a minute, which says nothing about how much of it should be sound.
    """
    own = config.get("window_samples")
    longest = None
    kind = config.get("model_type")
    if kind == "audio-spectrogram-transformer":
        steps = whole(extractor.get("max_length", 1024), folder, "max_length", LONGEST_S * RATE // _FRAME)
        longest = (steps - 1) * _FRAME + RATE // 40
    elif kind == "clap":
        longest = whole(extractor.get("max_length_s", 10), folder, "max_length_s", LONGEST_S) * RATE
    window = longest if own is None else whole(own, folder, "window_samples", LONGEST_S * RATE)
    if kind == "whisper":
        longest = whole(extractor.get("chunk_length", 30), folder, "chunk_length", LONGEST_S) * RATE
    return window, longest


def whole(value: object, folder: Path, what: str, most: int) -> int:
    """A number that a model's folder names, from 1 to `most`. Raises ModelError."""
    if isinstance(value, float) and value.is_integer():  # as some write 16000.0
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise ModelError(
            f"{folder}: {what} is {value!r:.40}, no whole number from 1 to {most}", "fetch the model again"
        )
    return value


def read_labels(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels in the order of the scores. Raises ModelError where there are none, or where one is not
    printable, blank, or the name of two.

    Where a config names none they are LABEL_0, LABEL_1 and so on, two unless it says how many, as in transformers.
    """
    named = config.get("id2label")
    if named is None:
        count = whole(config.get("num_labels", 2), folder, "num_labels", 100_000)
        return tuple(f"LABEL_{index}" for index in range(count))
    try:
        labels = tuple(str(named[str(index)]) for index in range(len(named)))
    except (TypeError, KeyError) as error:
        raise ModelError(f"{folder}/config.json has no id2label with the labels 0, 1, 2, …") from error
    if not labels:
        raise ModelError(f"{folder}/config.json names no labels")
    strange = next((label for label in labels if not label.isprintable()), None)
    if strange is not None:  # they go to terminals and into the environment of hooks
        raise ModelError(f"{folder}/config.json: the label {strange!r} holds control characters;", "take another model")
    if what := unclear(labels):
        raise ModelError(f"{folder}/config.json: {what};", "give each a name of its own in id2label")
    return labels


def weight_files(folder: Path, name: str) -> list[Path]:
    """The files of the weights: model.safetensors, or the shards that its index lists.

    Raises:
        ModelError: one is missing or truncated, or there are only pickled weights, which are never opened.
    """
    if (folder / WEIGHTS).is_file():
        files = [folder / WEIGHTS]
    elif (folder / INDEX).is_file():
        listed = read_json(folder / INDEX).get("weight_map")
        shards = {str(shard) for shard in listed.values()} if isinstance(listed, Mapping) else set()
        if not shards or not all(map(str.isprintable, shards)):
            raise ModelError(f"{folder / INDEX} has no weight_map", "fetch the model again")
        files = [folder / Path(shard).name for shard in sorted(shards)]
    else:
        raise no_weights(folder, name)
    from safetensors import SafetensorError, safe_open

    for file in files:
        try:
            with safe_open(file, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{file} is no whole file of weights ({error})", "fetch the model again") from error
    return files


def no_weights(folder: Path, name: str) -> ModelError:
    """The error for a folder without safetensors."""
    if (folder / "adapter_model.safetensors").is_file():
        return ModelError(f"{name} is an adapter (PEFT), no model;", "merge it into its base, with merge_and_unload()")
    pickles = sorted(path.name for path in folder.iterdir() if path.name.endswith(PICKLES))
    return only_pickles(name, pickles[0]) if pickles else ModelError(f"{name}: there is no {WEIGHTS}", "fetch it again")


def only_pickles(name: str, pickle: str) -> ModelError:
    """The error for a model whose weights could run code when they are loaded."""
    return ModelError(
        f"{name}: {pickle} is a pickle, which can run code, and there is no {WEIGHTS}",
        "take a revision that has one (NAME@REVISION), or convert it where you trust it, with from_pretrained and "
        "save_pretrained of transformers",
    )


def licence_of(folder: Path) -> str:
    """The licence that the model's README names first in its front matter; "unknown" where it names none."""
    with suppress(OSError, UnicodeDecodeError):
        text = (folder / "README.md").read_text(encoding="utf-8")
        front = text.split("\n---", 1)[0] if text.startswith("---") else ""
        found = re.search(r"^licen[sc]e:[ \t]*(?:\n[ \t]*-[ \t]*)?[\"']?([^\s\"'#]+)", front, re.MULTILINE)
        if found and found[1].isprintable():  # it goes to terminals
            return found[1]
    return "unknown"
