"""Which folder a name means, and what is said where it means none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from json_files import change
from two_words import two_words

from kwsd.errors import ConfigError, ModelError
from kwsd.zoo import find_model, missing_id, pull_model, read_card, shipped_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two_words(tmp_path / "tiny")


def test_the_shipped_models_have_names(folder: Path) -> None:
    names = [card.name for card in shipped_models()]
    assert "hubert-commands" in names
    assert read_card("hubert-commands").name == "hubert-commands"
    with pytest.raises(ModelError, match=f"'no such thing'.*{names[0]}"):
        read_card("no such thing")
    with pytest.raises(ModelError, match="is not a model folder"):
        read_card(str(folder.parent))


def test_a_folder_that_is_no_model_is_not_looked_for_on_the_hub(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`runs/mine` reads like a Hub's id."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert missing_id("runs/mine") is None
    assert missing_id("runs/other") is not None
    with pytest.raises(ModelError, match=r"runs/mine is not a model folder: .* kwsd's own models"):
        find_model("runs/mine")
    folder.rename(tmp_path / "runs" / "mine" / "model")
    with pytest.raises(ModelError, match=r"did you mean runs/mine/model\?"):
        find_model("runs/mine")


def test_a_folder_here_goes_before_a_shipped_model_of_its_name_and_is_told_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(folder.parent)
    find_model("hubert-commands")
    find_model("tiny")
    folder.rename("hubert-commands")
    assert find_model("./hubert-commands") == Path("hubert-commands")
    assert not caplog.records
    assert find_model("hubert-commands") == Path("hubert-commands")
    assert "hubert-commands: the model of that name in the current folder is used, not the one that" in caplog.text


def test_a_name_that_is_mistyped_is_put_right_and_a_place_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="did you mean 'hubert-commands'"):
        find_model("hubert-comands")
    with pytest.raises(ModelError, match="kwsd's own models: hubert-commands"):
        find_model(str(tmp_path / "runs" / "model"))


@pytest.mark.parametrize(
    ("rest", "revision"),
    [
        ("", ""), ("/", ""), ("/tree/main", ""), ("?library=transformers", ""), ("/discussions/1", ""),
        ("/tree/v1.0/part", "@v1.0"), ("/blob/0a1b/config.json?x=y", "@0a1b"), ("/tree/refs%2Fpr%2F2", "@refs/pr/2"),
        ("/raw/v1.0/config.json", "@v1.0"), ("/commit/0a1b", "@0a1b"), ("/commits/v1.0", "@v1.0"),
    ],
)  # fmt: skip
def test_the_address_of_a_models_page_is_understood(monkeypatch: pytest.MonkeyPatch, rest: str, revision: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.example")
    address = f"https://hub.example/someone/some-model{rest}"
    with pytest.raises(ModelError, match=rf"no model or folder .*; did you mean someone/some-model{revision}\?$"):
        find_model(address)
    with pytest.raises(ModelError, match=rf" is not an id .*; did you mean someone/some-model{revision}\?$"):
        pull_model(address, lambda *_: None)


@pytest.mark.parametrize("rest", ["datasets/someone/some-set", "spaces/someone/some-space", "some-model/tree/main"])
def test_an_address_of_something_else_is_not_taken_for_a_models(monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.example")
    with pytest.raises(ModelError) as raised:
        find_model(f"https://hub.example/{rest}")
    assert "did you mean" not in str(raised.value)


def test_an_address_of_another_site_is_no_id() -> None:
    from huggingface_hub import constants

    with pytest.raises(ModelError, match=r"did you mean someone/some-model\?$"):
        find_model(f"{constants.HUGGINGFACE_CO_URL_HOME}someone/some-model")
    with pytest.raises(ModelError) as raised:
        find_model("https://code.example/someone/some-model")
    assert "did you mean" not in str(raised.value)
    with pytest.raises(ModelError, match=r" is not an id .*; write OWNER/NAME, or OWNER/NAME@REVISION$"):
        pull_model("https://code.example/someone/some-model", lambda *_: None)


def test_the_newest_checkpoint_is_meant_unless_there_is_a_model(folder: Path) -> None:
    run = folder.parent / "run"
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-best", "model"):
        shutil.copytree(folder, run / name)
    with pytest.raises(ModelError, match=f"did you mean {run}/model\\?"):
        find_model(str(run))
    shutil.rmtree(run / "model")
    with pytest.raises(ModelError, match=f"did you mean {run}/checkpoint-10\\?"):
        find_model(str(run))


def test_a_recipe_is_no_model_until_it_has_weights(folder: Path) -> None:
    (folder / "config.json").rename(folder / "recipe.toml")
    with pytest.raises(ModelError, match="is not a model folder"):
        find_model(str(folder))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=f"holds only a recipe.*kwsd train {folder}/recipe.toml --data FOLDER"):
        find_model(str(folder))


def test_a_verifier_lies_beside_the_model_that_a_link_leads_to_before_the_shipped_one(
    folder: Path, tmp_path: Path
) -> None:
    beside = Path(shutil.copytree(folder, folder.parent / "moonshine-commands"))
    change(beside / "config.json", window_samples=24_000)
    change(folder / "card.json", verifier={"model": beside.name, "asked_from": 0.1, "weight": 0.5})
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "mine"
    link.symlink_to(folder)
    assert (read_card(str(link)).window, read_card(str(link)).heard) == (16_000, 24_000)
    (beside / "config.json").write_text("{")  # its loading tells
    assert read_card(str(folder)).heard == 16_000


def test_a_model_does_not_verify_itself_by_another_name_either(folder: Path) -> None:
    (folder.parent / "other").symlink_to(folder)
    change(folder / "card.json", verifier={"model": "other", "asked_from": 0.1, "weight": 0.5})
    with pytest.raises(ModelError, match="names itself as its verifier"):
        read_card(str(folder))


def test_a_verifier_may_have_one_itself_but_not_the_first(folder: Path) -> None:
    second, third = (Path(shutil.copytree(folder, folder.parent / name)) for name in ("second", "third"))
    for model, verifier in ((folder, second), (second, third)):
        change(model / "card.json", verifier={"model": verifier.name, "asked_from": 0.1, "weight": 0.5})
    change(third / "config.json", window_samples=24_000)
    assert [read_card(str(each)).heard for each in (folder, second, third)] == [24_000] * 3
    change(third / "card.json", verifier={"model": folder.name, "asked_from": 0.1, "weight": 0.5})
    with pytest.raises(ModelError, match="names itself as its verifier"):
        read_card(str(folder))


def test_a_run_that_has_not_come_to_its_end_is_told_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "recipe.json").write_text("{}")
    with pytest.raises(ModelError, match="mine is not finished: resume it with the `kwsd train` that began it"):
        read_card(str(tmp_path / "mine" / "model"))


def test_an_adapter_says_so(tmp_path: Path) -> None:
    """PEFT writes no config.json beside it."""
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(ModelError, match=r"is an adapter \(PEFT\), not a whole model; merge it into its base"):
        read_card(str(tmp_path))


@pytest.mark.parametrize("name", ["~nobody-is-called-so/model", "~nobody-is-called-so/model.onnx"])
def test_a_home_that_nobody_has(name: str) -> None:
    with pytest.raises(ConfigError, match="no home directory"):
        read_card(name)


def test_a_file_that_is_here_is_no_id_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name would have gone to the Hub."""
    monkeypatch.chdir(folder.parent)
    name = f"{folder.name}/model.safetensors"
    assert missing_id(name) is None
    with pytest.raises(
        ModelError, match=f"is a file, but not an ONNX file of kwsd export; did you mean .*{folder.name}"
    ):
        find_model(name)
