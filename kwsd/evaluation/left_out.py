"""Recordings that cannot be read: one of thousands is no reason to lose what was measured on the others."""

from __future__ import annotations

import logging

from kwsd.errors import InputError
from kwsd.shown import several

log = logging.getLogger(__name__)


class LeftOut:
    """Told of each file that cannot be read, or not to its end. It is named on the log; the evaluation goes on."""

    def __init__(self) -> None:
        self._errors: list[InputError] = []

    def __call__(self, error: InputError) -> None:
        """Leave one out."""
        log.warning("left out: %s", error)
        self._errors.append(error)

    @property
    def told(self) -> tuple[str, ...]:
        """What is wrong with each."""
        return tuple(str(error) for error in self._errors)

    def check(self) -> None:
        """Raise InputError where any was left out, with how many there are and the first of them."""
        if not self._errors:
            return
        first = self._errors[0]
        raise InputError(f"{several(len(self._errors), 'file')} left out; {first.what}", first.remedy)
