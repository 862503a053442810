"""The metrics' token: a file of its owner's alone, that holds one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kwsd.daemon.metrics_token import read_token
from kwsd.errors import ConfigError

TOKEN = b"0123456789abcdef"


def test_a_token_is_long_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match="No such file"):
        read_token(path)
    path.write_bytes(TOKEN + b"\n")
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(ConfigError, match="others may"):
            read_token(path)
    path.chmod(0o600)
    assert read_token(path) == TOKEN
    path.write_bytes(b"t" * 4096 + b"\n")
    assert len(read_token(path)) == 4096
    path.write_bytes(b"t" * 4097)
    with pytest.raises(ConfigError, match="more than 4096 characters"):  # not cut: nobody could bear the rest
        read_token(path)
    for text in (b"", b"short", b"two words of a token", b"\xff" * 20):
        path.write_bytes(text)
        with pytest.raises(ConfigError, match="no token of 16") as told:
            read_token(path)
        assert not text or text.decode("latin-1") not in str(told.value)


def test_a_token_is_not_awaited_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "token"
    os.mkfifo(pipe, 0o600)
    writing = os.open(pipe, os.O_RDWR)
    os.write(writing, b"t" * 4096)  # whoever reads it does not hang in this test
    with pytest.raises(ConfigError, match="no regular file; make one"):
        read_token(pipe)
    with pytest.raises(ConfigError, match="directory; make one"):
        read_token(tmp_path)
    os.close(writing)


def test_a_token_of_another_user_is_to_be_given_to_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "the token"
    path.write_bytes(TOKEN)
    path.chmod(0o600)
    monkeypatch.setattr("kwsd.daemon.metrics_token.os.getuid", lambda: 61_184)

    def refuse(path: Path, _: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(ConfigError, match="another user's") as told:
        read_token(path)
    assert f"chown 61184 '{path}'" in told.value.remedy
    monkeypatch.setattr("kwsd.daemon.metrics_token.os.open", refuse)  # as for anybody but root
    with pytest.raises(ConfigError, match="Permission denied") as told:
        read_token(path)
    assert f"chown 61184 '{path}'" in told.value.remedy


def test_a_credential_of_systemds_is_the_services_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.write_bytes(TOKEN)
    path.chmod(0o440)  # as an access list makes it look
    monkeypatch.setattr("kwsd.daemon.metrics_token.os.getuid", lambda: 61_184)
    for folder in ("", str(tmp_path.parent)):
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", folder)
        with pytest.raises(ConfigError, match="another user's"):
            read_token(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_token(path) == TOKEN
