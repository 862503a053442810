"""The log reaches whoever reads it, and waits for nobody."""

from __future__ import annotations

import fcntl
import logging
import os
import sys

import pytest

from kwsd.cli import stderr


def test_the_log_is_lines_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    stderr.log_from("info")
    logging.getLogger("kwsd.x").info("heard %d", 3)
    logging.getLogger("kwsd.x").debug("not this")
    logging.getLogger("other").info("nor this")
    logging.getLogger("other").warning("but this")
    assert capfd.readouterr().err == "kwsd: info: heard 3\nkwsd: warning: but this\n"


def test_a_level_above_warnings_is_for_libraries_too(capfd: pytest.CaptureFixture[str]) -> None:
    stderr.log_from("error")
    logging.getLogger("py.warnings").warning("a change to come")
    logging.getLogger("other").warning("nor this")
    logging.getLogger("other").error("but this")
    logging.getLogger("kwsd").setLevel("WARNING")  # as a reload does
    logging.getLogger("other").warning("and this")
    assert capfd.readouterr().err == "kwsd: error: but this\nkwsd: warning: and this\n"


def test_a_log_that_nobody_reads_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as read, os.fdopen(writer, "w", encoding="utf-8") as written:
        monkeypatch.setattr(sys, "stderr", written)
        stderr.log_from("info")
        log = logging.getLogger("kwsd.x")
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 16_384)
        for number in range(2000):  # would wait for ever: the pipe holds some hundred
            log.info("line %04d of a log that nobody reads any more", number)
        os.set_blocking(reader, False)
        kept = read.read().splitlines()
        assert 100 < len(kept) < 400
        assert kept[0].endswith("line 0000 of a log that nobody reads any more")
        log.info("somebody reads")
        told, last = read.read().splitlines()
        assert (
            told
            == f"kwsd: warning: {2000 - len(kept)} lines of the log were dropped, because they were not read in time"
        )
        assert last.endswith("somebody reads")
