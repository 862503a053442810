"""Small texts are read whole, whatever they are read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwsd import texts
from kwsd.config import load_config
from kwsd.errors import ConfigError


def test_a_mark_at_the_beginning_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert texts.read_text(tmp_path / "a") == "x = 1\n"


def test_what_has_no_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST", 1000)
    with pytest.raises(OSError, match="too large"):
        texts.read_text(Path("/dev/zero"))
    with pytest.raises(ConfigError, match="too large"):
        load_config(Path("/dev/zero"), {})
