"""The figures of a run, as a CSV file that grows."""

from __future__ import annotations

import csv
import time
from pathlib import Path


class Journal:
    """The run's figures as a CSV file, one row a report, in the order in which they came."""

    KEYS = ("step", "seconds", "rate", "norm", "front_end", "words", "features", "soft", "accuracy", "per_word")

    def __init__(self, path: Path) -> None:
        new = not path.exists()
        self.file = path.open("a+", newline="")
        self.file.seek(0)
        keys = self.KEYS if new else next(csv.reader(self.file), list(self.KEYS))  # of an earlier version
        self.rows = csv.DictWriter(self.file, keys, restval="", extrasaction="ignore")
        self.began = time.monotonic()
        if new:
            self.rows.writeheader()

    def __call__(self, figures: dict[str, float]) -> None:
        told = {key: f"{value:.6g}" for key, value in figures.items()}
        self.rows.writerow({**told, "seconds": f"{time.monotonic() - self.began:.1f}"})
        self.file.flush()

    def close(self) -> None:
        self.file.close()
