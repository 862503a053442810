"""The recipe of a fine-tuning run, from `kwsd train`'s options or a TOML file. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kwsd.config.sections import LONGEST_WINDOW_S, SHORTEST_WINDOW_S
from kwsd.errors import ConfigError
from kwsd.samples import RATE
from kwsd.texts import parse_toml, read_text
from kwsd.training.recipe import LARGEST_SEED, LOWEST_RATE
from kwsd.training.values import number, read_table

FEW_STEPS = 300
"""The fewest steps of a run by default.

From 36 clips, the right word scored 0.23 at most after 25 steps; after 300, each of eight words fired."""
_PASSES = 5


@dataclass(frozen=True, slots=True)
class FinetuneRecipe:
    """One run: the encoder `model` (a shipped model's name, a folder or a Hub id) learns `words`.

    Without `words` it learns all of the data's; with `add`, it keeps those that it knows. `window_s` is in seconds,
    `batch` in windows, `accumulate` in batches a step. `epochs` and `peak_rate` are None for the defaults of `passes`
    and `rate`.
    """

    name: str
    model: str
    words: tuple[str, ...] = ()
    add: bool = False
    frozen: bool = False
    window_s: float = number(1.0, SHORTEST_WINDOW_S, LONGEST_WINDOW_S)
    epochs: int | None = number(None, 1)
    batch: int = number(16, 1)
    accumulate: int = number(1, 1)
    peak_rate: float | None = number(None, LOWEST_RATE, 1)
    class_weights: bool = False
    seed: int = number(0, 0, LARGEST_SEED)

    @property
    def window(self) -> int:
        """The length of the model's input, in samples at 16 kHz."""
        return round(self.window_s * RATE)

    def passes(self, steps: int) -> int:
        """The number of epochs, where one takes `steps` steps."""
        return self.epochs or max(_PASSES, -(-FEW_STEPS // steps))

    @property
    def rate(self) -> float:
        """The peak learning rate: new weights learn faster than those that are to be kept.

        Of "alexa", added from 20 clips at 1e-2, 3.1 % were missed under noise at 10 dB at one alarm in 1.5 hours, and
        4.6 % at none; at 3e-3 2.8 and 8.5 %, at 3e-2 4.6 and 9.0 %.
        """
        return self.peak_rate or (1e-2 if self.add else 1e-3 if self.frozen else 3e-5)

    def to_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """The recipe as plain values, to compare with a checkpoint's; the actual `labels` replace `words`."""
        told = asdict(self) | {"peak_rate": self.rate, "labels": list(labels)}
        del told["words"]
        return told


_TABLES = {
    "backbone": ("model", "add", "frozen", "window_s"),
    "schedule": ("epochs", "batch", "accumulate", "peak_rate", "class_weights", "seed"),
}


def read_finetune_recipe(path: Path) -> FinetuneRecipe | None:
    """The recipe in a TOML file; None for one without a [backbone] table, which is no recipe of this kind.

    Raises:
        ConfigError: a key is unknown, missing, of the wrong type or out of bounds; the text names it.
    """
    try:
        tables = parse_toml(read_text(path))
    except (OSError, ValueError):
        return None  # the reader of the other kind reports what is wrong
    if "backbone" not in tables:
        return None
    try:
        top = {key: value for key, value in tables.items() if key not in _TABLES}
        values = read_table(FinetuneRecipe, top, names=("name", "words"))
        for table, names in _TABLES.items():
            values |= read_table(FinetuneRecipe, tables.get(table, {}), f"{table}.", names)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return FinetuneRecipe(**values | {"words": tuple(dict.fromkeys(values.get("words", ())))})
