"""`kwsd export` writes what ONNX Runtime runs without kwsd."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.errors import DeviceError, ModelError, OutputError

WINDOWS = np.random.default_rng(1).normal(0, 0.1, (3, 16_000)).astype(np.float32)


def test_a_folder_gets_its_graph(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kwsd.cli.exporting import export
    from kwsd.zoo import load_classifier, read_card

    folder = tmp_path / "copy"
    shutil.copytree(tiny_model, folder)
    (folder / "graph.onnx").unlink()
    (folder / "card.json").write_text(json.dumps({"name": "mine", "thresholds": {}}))
    export(str(folder), None)
    assert "float32: off by" in capsys.readouterr().out
    card = json.loads((folder / "card.json").read_text())
    assert set(card["sha256"]) == {"model.safetensors", "graph.onnx"}
    assert card["name"] == "mine"
    assert type(load_classifier(read_card(str(folder)), device="cpu")).__name__ == "OnnxClassifier"


def test_a_kill_before_the_card_is_written_leaves_a_model_that_loads(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    from kwsd.cards.card_writing import write_card
    from kwsd.cli.exporting import export
    from kwsd.replacing import write_bytes
    from kwsd.zoo import read_card

    def killed(path: Path, data: bytes) -> None:
        write_bytes(path, data)
        raise KeyboardInterrupt

    folder = tmp_path / "copy"
    shutil.copytree(tiny_model, folder)
    graph = onnx.load(folder / "graph.onnx", load_external_data=False)
    graph.doc_string = "as an earlier version of kwsd drew it"
    (folder / "graph.onnx").write_bytes(graph.SerializeToString())
    write_card(folder, {"thresholds": {"yes": 0.7}})
    monkeypatch.setattr("kwsd.cli.exporting.write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        export(str(folder), None)
    assert (folder / "graph.onnx").read_bytes() == (tiny_model / "graph.onnx").read_bytes()
    assert read_card(str(folder)).thresholds["yes"] == 0.7


@pytest.mark.parametrize("text", ['{"name": "mi', "[]", '{"sha256": 3}'])
def test_a_card_that_is_none(tiny_model: Path, tmp_path: Path, kwsd: Callable[..., Any], text: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_model, folder)
    (folder / "card.json").write_text(text)
    (folder / "graph.onnx").unlink()
    ran = kwsd("export", folder)
    assert (ran.status, ran.out) == (78, "")
    assert ran.err.endswith("repair or remove it\n")
    assert not (folder / "graph.onnx").exists()


def test_two_files_run_without_kwsd(tiny_model: Path, tmp_path: Path) -> None:
    import onnxruntime

    from kwsd.cli.exporting import export
    from kwsd.networks.torch_classifier import load_own

    export(str(tiny_model), tmp_path / "out")
    expected = load_own(tiny_model, "tiny", "cpu").score(WINDOWS)
    for kind, tolerance in (("float32", 1e-4), ("int8", 0.1)):
        (path,) = (tmp_path / "out").glob(f"*-{kind}.onnx")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (scores,) = session.run(None, {"windows": WINDOWS})
        np.testing.assert_allclose(scores, expected, atol=tolerance)


def test_what_is_no_model_and_where_nothing_can_be_written(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kwsd.cli.exporting import export

    (tmp_path / "config.json").write_text('{"model_type": "kwsd-hubert"}')
    with pytest.raises(ModelError, match=r"has no weights \(model\.safetensors\)"):
        export(str(tmp_path), None)
    with pytest.raises(OutputError, match=r"cannot be written.*name another place"):
        export(str(tiny_model), tmp_path / "config.json")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kwsd.cli.exporting.write_bytes", full)
    with pytest.raises(DeviceError, match=r"cannot be written \(No space left on device\): make room"):
        export(str(tiny_model), tmp_path)


def test_a_place_for_the_files_is_tried_before_anything_is_drawn(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kwsd.cli import exporting

    (tmp_path / "file").touch()
    monkeypatch.setattr(exporting, "as_files", lambda _: pytest.fail("it was drawn"))
    with pytest.raises(OutputError, match=r"cannot be written.*name another place"):
        exporting.export(str(tiny_model), tmp_path / "file")


def test_the_command(tiny_model: Path, tmp_path: Path, kwsd: Callable[..., Any]) -> None:
    result = kwsd("export", tiny_model, "--out", tmp_path / "my\nown")
    assert result.status == 0, result.err
    assert result.out.count(".onnx: ") == result.out.count(r"my\nown") == 2


def test_a_model_of_the_hub_is_exported_under_its_own_name() -> None:
    from kwsd.cli.exporting import short_name

    assert [short_name(name) for name in ("mine", "someone/tiny", "someone/tiny@refs/pr/2")] == ["mine", "tiny", "tiny"]


def test_an_exported_model_does_what_its_folder_does(
    tiny_model: Path, clips: Path, tmp_path: Path, kwsd: Callable[..., Any]
) -> None:
    assert kwsd("export", tiny_model, "--out", tmp_path).status == 0
    file = tmp_path / "tiny-float32.onnx"
    told = []
    for model in (tiny_model, file):
        ran = kwsd("classify", clips / "no" / "1.wav", "--model", model, "--format", "json", "--device", "cpu")
        assert ran.status == 0, ran.err
        told.append({entry["label"]: entry["score"] for entry in json.loads(ran.out)["labels"]})
    assert told[0] == pytest.approx(told[1], abs=1e-4)
    card = json.loads(kwsd("models", "info", file, "--format", "json").out)
    assert (card["name"], card["kind"], card["licence"], card["folder"]) == ("tiny", "exported", "CC0-1.0", str(file))
    assert card["scores"] == {"validation": {"accuracy": 0.5}, "cpu_s_per_s": 0.01}
    assert f"file {file}" in " ".join(kwsd("models", "info", file).out.split())
    assert kwsd("eval", "clips", clips, "--model", file).status == 0
    assert kwsd("listen", clips / "yes" / "0.wav", "--model", file).status == 0
    assert "metadata read" in kwsd("doctor", "--model", file).out


def test_the_figures_of_a_verifier_stay_behind_with_it(
    tiny_model: Path, tmp_path: Path, kwsd: Callable[..., Any]
) -> None:
    folder = tmp_path / "verified"
    shutil.copytree(tiny_model, folder)
    card = json.loads((folder / "card.json").read_text())
    card["scores"] = {
        "validation": {"accuracy": 0.97},
        "validation_without_verifier": {"accuracy": 0.95},
        "cpu_s_per_s": 0.01,
    }
    card["verifier"] = {"model": "tiny", "asked_from": 0.2, "weight": 0.5}
    (folder / "card.json").write_text(json.dumps(card))
    ran = kwsd("export", folder, "--out", tmp_path)
    assert ran.status == 0, ran.err
    assert "without its verifier tiny" in ran.out
    for file in tmp_path.glob("*.onnx"):
        told = json.loads(kwsd("models", "info", file, "--format", "json").out)
        assert told["scores"] == {"validation": {"accuracy": 0.95}}


def test_long_and_short_files_are_cut_to_the_window(
    foreign: Callable[[str], Path], tmp_path: Path, kwsd: Callable[..., Any]
) -> None:
    import soundfile

    ran = kwsd("export", foreign("wav2vec2"), "--out", tmp_path, "--window", "0.5")
    assert ran.status == 0, ran.err
    noise = np.random.default_rng(2).normal(0, 0.1, 20_000).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", noise, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", noise[:3_000], 16_000, subtype="FLOAT")
    file = tmp_path / "wav2vec2-float32.onnx"
    ran = kwsd("classify", tmp_path / "long.wav", tmp_path / "short.wav", "--model", file, "--format", "json")
    assert ran.status == 0, ran.err
    from kwsd.zoo import load_classifier, read_card

    original = load_classifier(read_card(str(foreign("wav2vec2"))), device="cpu")
    cut = [noise[start : start + 8_000] for start in (0, 6_000, 12_000)]
    for line, rows in zip(ran.out.splitlines(), (cut, [np.pad(noise[:3_000], (0, 5_000))]), strict=True):
        expected = original.score(np.stack(rows)).mean(axis=0)
        for entry in json.loads(line)["labels"]:
            assert entry["score"] == pytest.approx(expected[original.labels.index(entry["label"])], abs=1e-4)
    ran = kwsd("classify", tmp_path / "long.wav", "--model", file, "--window", "1")
    assert (ran.status, ran.out) == (78, "")
    assert "was exported for 0.5 s" in ran.err


@pytest.mark.parametrize("architecture", ["ast", "whisper"])
def test_what_hears_a_spectrogram_needs_no_more_than_its_file(
    foreign: Callable[[str], Path], clips: Path, tmp_path: Path, kwsd: Callable[..., Any], architecture: str
) -> None:
    folder = foreign(architecture)
    ran = kwsd("export", folder, "--out", tmp_path, "--window", "0.5")
    assert ran.status == 0, ran.err
    told = []
    for model in (folder, tmp_path / f"{architecture}-float32.onnx"):
        ran = kwsd("classify", clips / "no" / "1.wav", "--model", model, "--window", "0.5", "--format", "json")
        assert ran.status == 0, ran.err
        told.append({entry["label"]: entry["score"] for entry in json.loads(ran.out)["labels"]})
    assert told[0] == pytest.approx(told[1], abs=1e-4)


def test_a_zero_shot_model_keeps_the_labels_that_it_was_told(
    clap: Path, clips: Path, tmp_path: Path, kwsd: Callable[..., Any]
) -> None:
    labels = "a dog barking, glass breaking, _silence_"
    ran = kwsd("export", clap, "--labels", labels, "--out", tmp_path, "--window", "1")
    assert ran.status == 0, ran.err
    file = tmp_path / "clap-float32.onnx"
    told = []
    for model, flags in ((clap, ("--labels", labels, "--window", "1")), (file, ())):
        ran = kwsd("classify", clips / "no" / "1.wav", "--model", model, *flags, "--format", "json")
        assert ran.status == 0, ran.err
        told.append({entry["label"]: entry["score"] for entry in json.loads(ran.out)["labels"]})
    assert told[0] == pytest.approx(told[1], abs=1e-4)
    card = json.loads(kwsd("models", "info", file, "--format", "json").out)
    assert card["labels"] == ["a dog barking", "glass breaking", "_silence_"]
    assert kwsd("listen", clips / "no" / "1.wav", "--model", file, "--words", "glass breaking").status == 0
    ran = kwsd("listen", clips / "no" / "1.wav", "--model", file, "--labels", labels)
    assert (ran.status, ran.err.count("\n")) == (78, 1)


@pytest.mark.parametrize(
    ("architecture", "flags", "status", "text"),
    [
        ("ast", ("--out", ".", "--window", "2"), 78, "takes at most 0.655 s"),
        ("clap", ("--out", "."), 78, "needs two or more labels: set model.labels (--labels)"),
        ("clap", ("--out", ".", "--labels", "a dog"), 78, "needs two or more labels: set model.labels (--labels)"),
        ("clap", ("--out", ".", "--labels", "a dog, rain", "--window", "11"), 78, "takes at most 10 s"),
        ("clap", ("--out", ".", "--labels", "a\x1bdog, rain"), 78, "control characters"),
        ("clap", ("--labels", "a dog, rain"), 2, "needs --out DIR; give both"),
        ("wav2vec2", ("--out", ".", "--labels", "yes,no"), 78, "has its own labels"),
        ("wav2vec2", (), 2, "use --out DIR"),
        ("tiny", ("--out", ".", "--window", "2"), 78, "was trained on 1 s"),
        ("tiny", ("--window", "2"), 2, "give it with --out DIR"),
    ],
)
def test_what_is_not_exported(
    request: pytest.FixtureRequest, kwsd: Callable[..., Any], architecture: str, flags: tuple[str, ...], status: int,
    text: str,
) -> None:  # fmt: skip
    folder = {"clap": "clap", "tiny": "tiny_model"}.get(architecture)
    model = request.getfixturevalue(folder) if folder else request.getfixturevalue("foreign")(architecture)
    ran = kwsd("export", model, *flags)
    assert (ran.status, ran.out) == (status, "")
    assert text in ran.err
    assert ran.err.count("\n") == 1
