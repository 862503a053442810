"""A fine-tuning run as a TOML file: what `kwsd train --backbone` is told by options. Reading it imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kwsd.errors import ConfigError
from kwsd.events import RATE
from kwsd.texts import parse_toml, read_text
from kwsd.training.recipe import LARGEST_SEED, LOWEST_RATE
from kwsd.training.values import number, read_table


@dataclass(frozen=True, slots=True)
class FinetuneRecipe:
    """One run: the encoder `model` (a folder or a Hub id) learns `words`, or where there are none, all of the data's.

    `window_s` is in seconds, `batch` in windows, `accumulate` in batches a step; `peak_rate` is the learning rate's,
    and None for what is usual: see `rate`.
    """

    name: str
    model: str
    words: tuple[str, ...] = ()
    frozen: bool = False
    window_s: float = number(1.0, 0.1, 60)
    epochs: int = number(5, 1)
    batch: int = number(16, 1)
    accumulate: int = number(1, 1)
    peak_rate: float | None = number(None, LOWEST_RATE, 1)
    class_weights: bool = False
    seed: int = number(0, 0, LARGEST_SEED)

    @property
    def window(self) -> int:
        """What the model hears at once, in samples at 16 kHz."""
        return round(self.window_s * RATE)

    @property
    def rate(self) -> float:
        """The learning rate at its peak: what is new learns faster than what is to be kept."""
        return self.peak_rate or (1e-3 if self.frozen else 3e-5)

    def to_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """As plain values, for a checkpoint to be compared with: the labels that there are, not the words asked for."""
        told = asdict(self) | {"peak_rate": self.rate, "labels": list(labels)}
        del told["words"]
        return told


_TABLES = {
    "backbone": ("model", "frozen", "window_s"),
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
        return None  # whoever reads the other kind tells what is wrong with it
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
