"""The user unit that ships, under a real systemd: a user's manager of its own, private to the test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")

IMPATIENT = "[Service]\nWatchdogSec=3\nRestartSec=1\n"
"""A drop-in for the daemon that hangs. Until then the unit's own half a minute holds: a busy machine is no hang."""

PRIVATE = 'mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system && exec "$@"'
"""A manager starts only where systemd runs the machine; in a mount namespace it may believe so."""


@dataclass(frozen=True)
class Manager:
    """`systemctl` speaks to it; `folder` is its user's home and runtime folder."""

    folder: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes]

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """What it prints."""
        within = ["nsenter", "--mount", f"--target={self.process.pid}"] if os.geteuid() == 0 else []
        command = [*within, "systemctl", "--user", *arguments]
        ran = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert ran.returncode == 0 or not check, f"{' '.join(arguments)}: {ran.stdout}{ran.stderr}"
        return ran.stdout.strip()

    def runs(self, unit: str) -> bool:
        """Whether a unit that does nothing comes to its end well."""
        self.systemctl("start", unit, check=False)
        return self.systemctl("show", unit, "--value", "--property=Result", check=False) == "success"

    def property(self, name: str) -> str:
        """One of the unit's."""
        return self.systemctl("show", "kwsd", "--value", f"--property={name}")

    def wait_for(self, found: Callable[[], bool]) -> None:
        """Ask until it is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not found():
            assert time.monotonic() < deadline, self.systemctl("status", "kwsd", check=False)
            time.sleep(0.2)


@pytest.fixture
def manager(virtual_microphone: Any) -> Iterator[Manager]:
    """systemd --user with the unit that ships; a skip where none can be started."""
    booted = Path("/run/systemd/system").is_dir()
    tools = ["systemctl", *([] if booted else ["unshare", "nsenter", "mount"])]
    if not SYSTEMD.exists() or any(shutil.which(tool) is None for tool in tools):
        pytest.skip("no systemd here")
    if not booted and os.geteuid() != 0:
        pytest.skip("systemd does not run this machine, and only root may pretend it does")
    with tempfile.TemporaryDirectory(prefix="kwsd-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        sound = {key: virtual_microphone.env[key] for key in ("ALSA_CONFIG_PATH", "PULSE_SERVER", "PULSE_COOKIE")}
        own = {key: str(folder) for key in ("HOME", "XDG_RUNTIME_DIR")}
        env = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(folder / "config"), **own, **sound}
        install(folder / "config")
        command = [str(SYSTEMD), "--user", "--log-target=console", "--log-level=err"]
        if os.geteuid() == 0:
            command = ["unshare", "--mount", "sh", "-c", 'exec "$@"' if booted else PRIVATE, "sh", *command]
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        found = Manager(folder, env, process)
        try:
            deadline = time.monotonic() + 60  # a container may never get there
            while found.systemctl("is-system-running", check=False) not in ("running", "degraded"):
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    why = process.communicate()[1].decode(errors="replace").strip().splitlines()
                    pytest.skip(f"no user's systemd can be started here: {why[-1] if why else 'it says nothing'}")
                time.sleep(0.1)
            if not found.runs("probe"):
                pytest.skip("a user's systemd runs here, but starts no service")
            yield found
        finally:
            found.systemctl("stop", "kwsd", check=False) if process.poll() is None else None
            process.send_signal(signal.SIGTERM)
            process.communicate()


def install(config: Path) -> None:
    """The unit as it ships, with this interpreter for ~/.local/bin/kwsd, and a configuration."""
    units = config / "systemd" / "user"
    units.mkdir(parents=True)
    shipped = (ROOT / "systemd" / "kwsd.service").read_text()
    unit = shipped.replace("%h/.local/bin/kwsd", f"{sys.executable} -m kwsd")
    assert unit != shipped
    (units / "kwsd.service").write_text(unit)
    (units / "probe.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    (config / "kwsd").mkdir()
    (config / "kwsd" / "config.toml").write_text('[trigger]\nwords = ["yes", "no"]\nthreshold = 0.5\n')


def test_the_unit_starts_hears_reloads_is_restarted_when_it_hangs_and_stops(
    manager: Manager, virtual_microphone: Any, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(ROOT / "tests" / "recordings" / "commands.flac", dtype="int16")
    soundfile.write(tmp_path / "yes.wav", samples[: 2 * rate], rate)  # its first word
    manager.systemctl("start", "kwsd")  # returns at READY=1
    assert manager.property("ActiveState") == "active"
    with socket.socket(socket.AF_UNIX) as subscriber:
        subscriber.settimeout(PATIENCE_S)
        subscriber.connect(str(manager.folder / "kwsd" / "events.sock"))
        virtual_microphone.play(tmp_path / "yes.wav")
        with subscriber.makefile() as lines:
            assert next(event["word"] for event in map(json.loads, lines) if event["type"] == "detection") == "yes"
    manager.wait_for(lambda: "yes" in manager.property("StatusText") or "no" in manager.property("StatusText"))
    main = manager.property("MainPID")
    manager.systemctl("reload", "kwsd")
    manager.wait_for(lambda: manager.property("ActiveState") == "active")  # "reloading" until READY=1 has come again
    assert manager.property("MainPID") == main
    drop_ins = manager.folder / "config" / "systemd" / "user" / "kwsd.service.d"
    drop_ins.mkdir()
    (drop_ins / "impatient.conf").write_text(IMPATIENT)
    manager.systemctl("daemon-reload")
    manager.systemctl("restart", "kwsd")
    main = manager.property("MainPID")
    os.kill(int(main), signal.SIGSTOP)
    manager.wait_for(lambda: int(manager.property("NRestarts")) > 0 and manager.property("ActiveState") == "active")
    assert manager.property("MainPID") not in ("0", main)
    manager.systemctl("stop", "kwsd")
    assert (manager.property("Result"), manager.property("ExecMainStatus")) == ("success", "0")
