"""The comparison runs and tells who is not there. No figure is a test: they are the machine's."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

SCRIPT = Path(__file__).with_name("peers.py")


def test_kwsd_runs_beside_whoever_is_there(tmp_path: Path) -> None:
    out = tmp_path / "peers.json"
    command = [sys.executable, str(SCRIPT), "--seconds", "2", "--rounds", "1", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["kwsd"]["ratio_to_kwsd"] == 1
    for name, one in found.items():
        assert ("left_out" in one) or one["cpu_per_second"] > 0
        assert name in done.stdout
    peers = {"openwakeword": "openwakeword", "pymicro-wakeword": "pymicro_wakeword", "pocketsphinx": "pocketsphinx"}
    for name, module in peers.items():
        if importlib.util.find_spec(module) is None:
            assert "ModuleNotFoundError" in found[name]["left_out"]


@pytest.mark.parametrize("figures", [[0.3, 0.1, 0.2], [0.1, 0.1]])
def test_the_least_of_all_rounds_counts(monkeypatch: pytest.MonkeyPatch, figures: list[float]) -> None:
    spec = importlib.util.spec_from_file_location("peers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    said = {"kwsd": iter(figures), "kwsd on torch": iter([2 * figure for figure in figures])}

    def measure(_python: str, name: str, _samples: Path) -> dict[str, object]:
        return {"cpu_per_second": next(said[name])} if name in said else {"left_out": "not there"}

    monkeypatch.setattr(peers, "measure", measure)
    recording = Path(__file__).parents[1] / "recordings" / "commands.flac"
    found = peers.run("python", recording, 1.0, len(figures))
    assert found["kwsd"] == {"cpu_per_second": 0.1, "ratio_to_kwsd": 1}
    assert found["kwsd on torch"]["ratio_to_kwsd"] == pytest.approx(2)
    assert found["pocketsphinx"] == {"left_out": "not there"}
    assert sum("left out: not there" in row for row in peers.rows(found)) == 4
