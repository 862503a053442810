"""The systemd unit that ships: systemd reads it, and it says what the daemon does."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

from kwsd.daemon.sink_set import HOOKS_S
from kwsd.daemon.supervisor import JOIN_S
from kwsd.errors import ConfigError, DeviceError, InputError, KwsdError, ModelError, UsageError

UNIT = Path(__file__).parents[2] / "systemd" / "kwsd.service"
EXEC_START = "%h/.local/bin/kwsd"
NO_NEW_PRIVILEGES = (
    "DynamicUser", "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices", "ProtectClock",
    "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter",
    "SystemCallLog",
)  # fmt: skip
"""What sets no_new_privs, by systemd.exec(5)."""


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    unit = configparser.RawConfigParser(comment_prefixes=("#",), strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep capitals
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    return unit["Service"]


def analyze(*arguments: str, runtime: Path) -> subprocess.CompletedProcess[str]:
    """systemd-analyze; a skip where it is not installed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have systemd-analyze (Debian: systemd)")
        pytest.skip("no systemd-analyze")
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, timeout=PATIENCE_S)


def installed(name: str, folder: Path) -> Path:
    """A copy of a unit whose program exists."""
    text = (UNIT.parent / name).read_text(encoding="utf-8")
    copy = folder / name
    copy.write_text(text.replace("/opt/kwsd/bin/kwsd", sys.executable).replace(EXEC_START, sys.executable))
    return copy


def test_systemd_verifies_the_system_unit_and_the_socket(tmp_path: Path) -> None:
    for name in ("kwsd-system.service", "kwsd.socket"):
        copy = installed(name, tmp_path)
        if name == "kwsd.socket":
            installed("kwsd.service", tmp_path)
        done = analyze("verify", "--man=no", str(copy), runtime=tmp_path)
        assert done.returncode == 0, done.stderr
        assert name not in done.stderr, done.stderr


@pytest.mark.parametrize(("name", "ceiling"), [("kwsd-system.service", 1.6), ("kwsd.service", 8.9)])
def test_how_exposed_the_units_are(tmp_path: Path, name: str, ceiling: float) -> None:
    copy = installed(name, tmp_path)
    options = ["--offline=true", "--no-pager", f"--threshold={round(10 * ceiling)}"]
    done = analyze("security", *options, str(copy), runtime=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_system_unit_restarts_reloads_and_watches_as_the_user_unit_does(service: configparser.SectionProxy) -> None:
    system = configparser.RawConfigParser(comment_prefixes=("#",), strict=False)
    system.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep capitals
    system.read_string((UNIT.parent / "kwsd-system.service").read_text(encoding="utf-8"))
    for key in ("Type", "NotifyAccess", "ExecReload", "WatchdogSec", "Restart", "RestartPreventExitStatus", "KillMode",
                "TimeoutStopSec"):  # fmt: skip
        assert system["Service"][key] == service[key], key
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_system_unit_lets_alsa_share_a_card_with_other_programs() -> None:
    """An IPC namespace of its own would part dsnoop and dmix from theirs: whoever comes second finds the card busy."""
    options = (UNIT.parent / "kwsd-system.service").read_text(encoding="utf-8").splitlines()
    assert not [option for option in options if option.startswith(("PrivateIPC=", "IPCNamespacePath="))]


@pytest.mark.parametrize("name", ["kwsd.service", "kwsd-system.service"])
def test_no_core_dump_holds_what_was_heard(name: str) -> None:
    assert "LimitCORE=0" in (UNIT.parent / name).read_text(encoding="utf-8").splitlines()


def verified(analyze: str, unit: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What systemd says to a unit with this text."""
    copy = folder / UNIT.name
    copy.write_text(unit, encoding="utf-8")
    command = [analyze, "verify", "--user", "--man=no", str(copy)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)


def test_systemd_verifies_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have systemd-analyze (Debian: systemd)")
        pytest.skip("no systemd-analyze")
    text = UNIT.read_text(encoding="utf-8")
    assert EXEC_START in text
    done = verified(analyze, text.replace(EXEC_START, sys.executable), tmp_path)
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr, done.stderr


def test_a_mistake_in_it_would_be_noticed(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze; the test before says whether that is allowed")
    text = UNIT.read_text(encoding="utf-8")
    done = verified(analyze, text.replace("Restart=on-failure", "Restart=perhaps"), tmp_path)
    assert done.returncode != 0 or UNIT.name in done.stderr


def test_it_tells_all_that_keeps_a_hook_from_sudo(service: configparser.SectionProxy) -> None:
    text = UNIT.read_text(encoding="utf-8")
    told = text[text.index("one that needs sudo") : text.index("\nNoNewPrivileges=")]
    imply = {key for key in NO_NEW_PRIVILEGES if key in service}
    assert {key for key in imply if f"{key}=" in told} == imply


def test_it_restarts_what_may_come_right_by_itself(service: configparser.SectionProxy) -> None:
    never = {int(status) for status in service["RestartPreventExitStatus"].split()}
    assert service["Restart"] == "on-failure"
    assert never == {error.exit_status for error in (UsageError, InputError, ConfigError, ModelError)}
    assert never.isdisjoint({DeviceError.exit_status, KwsdError.exit_status})


def test_it_gives_the_daemon_the_time_it_takes_to_stop(service: configparser.SectionProxy) -> None:
    assert int(service["TimeoutStopSec"]) > HOOKS_S + JOIN_S


def test_it_waits_for_the_daemon_to_say_that_it_is_ready(service: configparser.SectionProxy) -> None:
    assert service["Type"] == "notify"
    assert service["ExecStart"] == f"{EXEC_START} listen"
    assert service["KillMode"] == "mixed"
    assert int(service["WatchdogSec"]) > 0
