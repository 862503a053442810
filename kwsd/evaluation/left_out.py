"""Recordings that cannot be read are left out: one of thousands must not cost the measurements on the others."""

from __future__ import annotations

import logging

from kwsd.errors import InputError
from kwsd.shown import several

log = logging.getLogger(__name__)


class LeftOut:
    """Collects and logs the errors of files that cannot be read, or not to their end, while the evaluation goes on."""

    def __init__(self) -> None:
        self._errors: dict[str, InputError] = {}

    def __call__(self, error: InputError) -> None:
        """Log and keep the error of one file, unless it was told before: two folders may hold the same one."""
        told = str(error)
        if told not in self._errors:
            log.warning("left out: %s", told)
            self._errors[told] = error

    @property
    def told(self) -> tuple[str, ...]:
        """The message of each error."""
        return tuple(self._errors)

    def check(self) -> None:
        """Raise InputError if any file was left out, with the number of files and the first error."""
        if not self._errors:
            return
        first = next(iter(self._errors.values()))
        raise InputError(f"{several(len(self._errors), 'file')} left out; {first.what}", first.remedy)
