"""The contract of an exported model: the metadata in an ONNX file of `kwsd export`.

There are two entries: `kwsd_format`, a whole number, and `kwsd_model`, a JSON object with the fields of `Exported`. The
graph maps `windows` (batch, window) float32 at the model's own rate to `scores` (batch, labels), probabilities.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

from kwsd.cards.allowed import is_chance, is_cost, is_latest, is_smoothing, is_threshold
from kwsd.cards.card_file import DEFAULT_SMOOTHING
from kwsd.cards.folder import MOST_ONNX, check_regular
from kwsd.cards.foreign import SINGLE
from kwsd.cards.names import INPUT, OUTPUT
from kwsd.cards.onnx_file import OnnxFile, parse_onnx
from kwsd.cards.weights import check_fetched
from kwsd.config import expanded
from kwsd.config.sections import LONGEST_WINDOW_S, SHORTEST_WINDOW_S
from kwsd.errors import ModelError
from kwsd.labels import composed, is_printable, twice, unclear, visible
from kwsd.samples import RATE

FORMAT = 2
"""The newest format; it is raised when an earlier kwsd would misread a file.

In format 1, thresholds are for probabilities; a file whose `substitution` is 1 means the same in both, and is written
as 1. Three fields needed no new format: an earlier kwsd that does not know `latest_ms` sometimes answers late, as it
always did, one that does not know `second_chance` gives none, and one that does not know `about` reports too early a
start of a word."""

SUFFIX = ".onnx"

_FORMAT, _MODEL = "kwsd_format", "kwsd_model"
_SHORTEST_S, _LONGEST_S = SHORTEST_WINDOW_S, LONGEST_WINDOW_S
_HIGHEST_RATE = 1_000_000
_DEEPEST = 4
_REMEDY = "export the model again: kwsd export MODEL --out DIR"


@dataclass(frozen=True, slots=True)
class Exported:
    """What travels with the graph. `rate` is in Hz; `window` is the input's exact length in samples at that rate.

    `problem_type` is transformers' term: with single_label_classification, the scores of a window sum to one.
    Thresholds are for the mean over `smoothing` windows of a word's claim with `substitution` (see
    `kwsd.spotting.claims`); a word must fire within `latest_ms` of the first window that resembles it, None for no
    limit. The threshold of a word that is said again is lowered by `second_chance`, in log-odds. Scores are about the
    last `about` samples, None for all.
    """

    name: str
    labels: tuple[str, ...]
    rate: int
    window: int
    problem_type: str = SINGLE
    licence: str = "unknown"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    smoothing: int = DEFAULT_SMOOTHING
    substitution: float = 1.0
    latest_ms: int | None = None
    second_chance: float = 0.0
    about: int | None = None

    def to_metadata(self) -> dict[str, str]:
        """The metadata entries for the file."""
        version = FORMAT if self.substitution != 1 else 1
        return {_FORMAT: str(version), _MODEL: json.dumps(asdict(self), ensure_ascii=False)}


def is_exported(name: str) -> bool:
    """Whether the name of a model stands for an ONNX file."""
    return name.lower().endswith(SUFFIX) and not expanded(name).is_dir()


def read_exported(path: Path) -> tuple[Exported, bytes]:
    """The checked metadata of the file at `path`, and all of its bytes.

    Raises:
        ModelError: there is no such file, it is no regular file, no ONNX model or not one of `kwsd export`, git has
            not fetched it, or it keeps weights in other files.
    """
    try:
        check_regular(path, f"name another, or {_REMEDY}", MOST_ONNX)
        check_fetched(path)
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror or error})", f"name another, or {_REMEDY}"
        ) from error
    try:
        file = parse_onnx(data)
    except ValueError as error:
        raise ModelError(
            f"{path} is not an ONNX model, or is damaged ({error})", f"name another, or {_REMEDY}"
        ) from error
    if file.outside:
        raise ModelError(
            f"{path} keeps weights in other files, so kwsd does not open it: it could name any file of this machine;",
            f"use a file with the weights inside, or {_REMEDY}",
        )
    return exported_of(file, str(path)), data


def exported_of(file: OnnxFile, path: str) -> Exported:
    """The file's metadata, checked against its graph. Raises ModelError."""
    lacking = [key for key in (_FORMAT, _MODEL) if key not in file.metadata]
    if lacking:
        raise ModelError(
            f"{path} was not written by kwsd export: its metadata lack {', '.join(lacking)};",
            _REMEDY,
        )
    if file.metadata[_FORMAT] not in map(str, range(1, FORMAT + 1)):
        raise ModelError(
            f"{path} has format {file.metadata[_FORMAT][:20]!r}, but this kwsd reads only 1 to {FORMAT};",
            f"update kwsd, or {_REMEDY}",
        )
    try:
        found = _checked(json.loads(file.metadata[_MODEL]))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata have an invalid entry ({error})", _REMEDY) from error
    if file.inputs.get(INPUT, ())[1:] != (found.window,) or len(file.inputs) != 1:
        raise ModelError(f"{path}: its graph does not take {found.window} samples, as its metadata say;", _REMEDY)
    given = file.outputs.get(OUTPUT, ())[1:]
    if given != (len(found.labels),):
        count = given[0] if given else "no"
        raise ModelError(f"{path} has {len(found.labels)} labels, but {count} scores", _REMEDY)
    if what := unclear(found.labels):
        raise ModelError(f"{path}: {what};", f"give each label its own name in the model's id2label, then {_REMEDY}")
    if len(found.labels) == 1 and found.problem_type == SINGLE:  # a softmax over one is 1
        what = f"{path} has only one label, {found.labels[0]}, which would score 1 for every sound;"
        raise ModelError(what, "use a model with at least two: kwsd export MODEL --out DIR")
    return found


def _checked(table: Any) -> Exported:
    """The entry `kwsd_model` as `Exported`. Raises ValueError, which says what is wrong."""
    labels = table.get("labels") if isinstance(table, dict) else None
    if not isinstance(labels, list) or not labels or not all(_is_text(label) for label in labels):
        raise ValueError("labels")
    for key in ("name", "licence", "problem_type"):
        if not _is_text(table.get(key)):
            raise ValueError(key)
    if not visible(table["name"]).strip():
        raise ValueError("name")
    for key, most in (("rate", _HIGHEST_RATE), ("window", _HIGHEST_RATE * _LONGEST_S)):  # JSON's may be beyond a float
        if type(table.get(key)) is not int or not 0 < table[key] <= most:
            raise ValueError(key)
    if not is_smoothing(table.get("smoothing")):
        raise ValueError("smoothing")
    if table["window"] * RATE % table["rate"]:
        raise ValueError("window is not a whole number of samples at 16 kHz")
    if not _SHORTEST_S <= table["window"] / table["rate"] <= _LONGEST_S:
        raise ValueError(f"window is {table['window'] / table['rate']:g} s long, not {_SHORTEST_S} to {_LONGEST_S} s")
    thresholds, scores = table.get("thresholds"), table.get("scores")
    if not isinstance(thresholds, dict) or not all(is_threshold(value) for value in thresholds.values()):
        raise ValueError("thresholds")
    if again := twice(thresholds):
        raise ValueError(f"two thresholds of {again!r:.40}, encoded in two ways")
    if not isinstance(scores, dict) or not _is_plain(scores, 0):
        raise ValueError("scores")
    substitution = table.get("substitution", 1.0)  # earlier files lack it
    if not is_cost(substitution) or (substitution != 1 and table["problem_type"] != SINGLE):
        raise ValueError("substitution")
    if not is_latest(table.get("latest_ms")):
        raise ValueError("latest_ms")
    if not is_chance(table.get("second_chance", 0.0)):
        raise ValueError("second_chance")
    about = table.get("about")
    if about is not None and (type(about) is not int or not _SHORTEST_S * table["rate"] <= about <= table["window"]):
        raise ValueError("about")
    known = {one.name: table[one.name] for one in fields(Exported) if one.name in table}
    known["labels"] = tuple(map(composed, labels))
    known["thresholds"] = {composed(word): threshold for word, threshold in thresholds.items()}
    return Exported(**known)


def _is_text(value: object) -> bool:
    """Whether it is printable and not empty: labels go to terminals and into the environment of hooks."""
    return isinstance(value, str) and is_printable(value) and visible(value) != ""


def _is_plain(value: object, depth: int) -> bool:
    """Whether it consists of finite numbers and texts in a few levels of tables and lists, so that JSON can hold it."""
    if isinstance(value, dict):
        return depth < _DEEPEST and all(_is_text(key) and _is_plain(inner, depth + 1) for key, inner in value.items())
    if isinstance(value, list):
        return depth < _DEEPEST and all(_is_plain(inner, depth + 1) for inner in value)
    return _is_text(value) or isinstance(value, int) or (isinstance(value, float) and isfinite(value))
