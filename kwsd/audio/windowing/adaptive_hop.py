"""How far apart the windows of a live stream lie: wider while the machine cannot keep up, narrower again after."""

from __future__ import annotations

import time
from collections.abc import Callable

from kwsd.samples import RATE

BEHIND = RATE
"""A reader that has more samples than this before it is behind."""
SUSTAINED = 2 * RATE
"""Samples over which a reader has to be behind before the hop widens, by one step each time. It no longer counts as
behind after so many samples without a backlog, not at once: a reader that was lapped has jumped ahead, and has no
backlog for a moment."""
CALM = 30 * RATE
"""Samples over which a reader must not be behind before the hop narrows by a step; doubled where that was too early.
Over as many it has to be behind before the hop becomes wider than a quarter of a window: so few windows hold a whole
word then that a third of the words are missed, more than are too late while a burst of speech is caught up with."""
CALMEST = 600 * RATE
STEPS = 3
"""How often the hop may double: 50, 100, 200, 400 ms."""


class AdaptiveHop:
    """One stream's hop. All its times are counted in that stream's samples.

    It depends on the backlog alone: how long a window takes to score says little while nobody speaks. Being behind has
    to last as long by the clock, too: after a pause in which kwsd was stopped, seconds of audio arrive in an instant.
    """

    def __init__(
        self,
        hop: int,
        length: int = RATE,
        changed: Callable[[int, int, int], None] = lambda *_: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with `hop` samples; wider hops are at most half of a window's `length`, so that no word is skipped.

        `changed` is called at each change, with the sample, the new hop, and how many samples the reader is behind.
        `clock` gives seconds.
        """
        self.hop = hop
        self._hops = [hop << step for step in range(STEPS + 1) if not step or hop << step <= length // 2]
        self._fine = length // 4
        self._changed, self._clock = changed, clock
        self._behind_since: tuple[int, float] | None = None  # in samples, and by the clock
        self._calm_since = 0
        self._narrowed_at: int | None = None
        self._calm = CALM

    def observe(self, written: int, heard: int, lost: int = 0) -> None:
        """Change the hop if it is time to; the stream has reached sample `written`, its reader sample `heard`.

        `lost` of the samples in between are no backlog: they never arrived, or are left until a later wake-up.
        """
        behind = written - heard - lost
        if behind > BEHIND:
            self._calm_since = written
            now_s = self._clock()
            if self._behind_since is None:
                self._behind_since = written, now_s
                return
            sample, second = self._behind_since
            if min(written - sample, RATE * (now_s - second)) >= self._patience():
                self._behind_since = written, now_s
                self._widen(written, heard, behind)
            return
        if written - self._calm_since >= SUSTAINED:
            self._behind_since = None
        if self.hop > self._hops[0] and written - self._calm_since >= self._calm:
            self._calm_since = self._narrowed_at = written
            self._change(-1, heard, behind)

    def _patience(self) -> int:
        """For how many samples the reader has to be behind before the hop widens."""
        return SUSTAINED if 2 * self.hop <= self._fine else max(SUSTAINED, CALM)

    def _widen(self, written: int, heard: int, behind: int) -> None:
        if self.hop == self._hops[-1]:
            return
        early = self._narrowed_at is not None and written - self._narrowed_at < 2 * self._calm
        self._calm = min(2 * self._calm, CALMEST) if early else CALM
        self._change(1, heard, behind)

    def _change(self, step: int, heard: int, behind: int) -> None:
        self.hop = self._hops[self._hops.index(self.hop) + step]
        self._changed(heard, self.hop, behind)
