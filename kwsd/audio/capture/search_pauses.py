"""How long to wait between two searches for a lost device."""

from __future__ import annotations

from kwsd.audio.capture.timeouts import CaptureTimeouts


class SearchPauses:
    """The pauses of one loss after another: short at first, and longer while a device stays away."""

    def __init__(self, timeouts: CaptureTimeouts) -> None:
        self._timeouts, self._pause_s = timeouts, timeouts.first_pause_s
        self._first = True

    def begin(self, *, steady: bool) -> None:
        """Note that a device is lost; begin anew if it was `steady`, that is, worked for a while."""
        if steady:
            self._pause_s, self._first = self._timeouts.first_pause_s, True
        else:
            self._pause_s = min(self._pause_s, self._timeouts.last_pause_s / 2)  # the next pause is twice as long

    def next(self, took_s: float, lost_s: float) -> float:
        """Seconds to wait after a search that took `took_s`, for a device that has been lost for `lost_s`.

        The longest pauses contain the time of the search: however slow it is, its answer feeds the watchdog in time.
        """
        timeouts = self._timeouts
        if not self._first:
            most = timeouts.gone_pause_s if lost_s > timeouts.gone_s else timeouts.last_pause_s
            self._pause_s = min(2 * self._pause_s, most)
        self._first = False
        return max(self._pause_s - took_s, min(self._pause_s, timeouts.last_pause_s))
