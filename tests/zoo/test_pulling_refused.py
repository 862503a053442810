"""What cannot be pulled: models that the Hub does not give or that are none, and a Hub that cannot be reached."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session
from patience import PATIENCE_S

from kwsd.cards.hub import HubId, hub_id
from kwsd.errors import DeviceError, KwsdError, ModelError, OutputError
from kwsd.zoo.pulling import pull

TINY = HubId("someone/tiny")


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("wanted", "kind", "text"),
    [
        ("someone/else", ModelError, "no model 'someone/else'"),
        ("someone/tiny@v9", ModelError, "no revision 'v9'"),
        ("busy/model", DeviceError, "answered with 500"),
    ],
)
def test_what_the_hub_does_not_give(wanted: str, kind: type[KwsdError], text: str) -> None:
    found = hub_id(wanted)
    assert found
    with pytest.raises(kind, match=text):
        pull(found)


def test_only_pickles(hub: Any) -> None:
    del hub.files["model.safetensors"]
    hub.files["pytorch_model.bin"] = b"cos\nabort\n(tR."
    with pytest.raises(ModelError, match=r"only pytorch_model\.bin, which kwsd never opens"):
        pull(TINY)
    assert hub.asked == []


def test_an_adapter_without_its_base(hub: Any) -> None:
    hub.files = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"?", "preprocessor_config.json": b"{}"}
    with pytest.raises(
        ModelError, match=r"someone/tiny is an adapter \(PEFT\), not a whole model; merge it into its base"
    ):
        pull(TINY)
    assert hub.asked == []


def test_no_weights_or_no_config(hub: Any) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(ModelError, match="no weights"):
        pull(TINY)
    del hub.files["config.json"]
    with pytest.raises(ModelError, match="no config"):
        pull(TINY)


def test_what_hears_nothing_is_not_fetched(hub: Any) -> None:
    del hub.files["preprocessor_config.json"]
    with pytest.raises(ModelError, match=r"has no feature extractor \(preprocessor_config\.json\)"):
        pull(TINY)
    assert hub.asked == []


@pytest.mark.usefixtures("hub")
def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DeviceError, match="cannot be reached") as told:
        pull(TINY)
    assert told.value.exit_status == 69


@pytest.mark.usefixtures("hub")
def test_a_hub_that_takes_the_call_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(DeviceError, match=r"cannot be reached \(ReadTimeout\)"):
            pull(TINY)


@pytest.mark.usefixtures("hub", "no_session")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="nothing here makes certificates")
def test_a_certificate_that_is_not_accepted_may_be_for_another_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pem = tmp_path / "hub.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-subj", "/CN=hub"]
    subprocess.run([*made, "-keyout", pem, "-out", tmp_path / "cert.pem"], capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", pem)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=shake_hands, args=(server, context))
        thread.start()
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"https://127.0.0.1:{server.getsockname()[1]}")
        says = rf"its certificate is not accepted\): check the date, {datetime.now(timezone.utc):%F} on this machine"
        try:
            with pytest.raises(DeviceError, match=says):
                pull(TINY)
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)


def shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # the test is over
            return
        with suppress(OSError), context.wrap_socket(client, server_side=True):
            pass


@pytest.mark.parametrize("page", [b"<html>Welcome!</html>", b"\xff", b"{}", b"[]"])
def test_a_network_that_asks_to_sign_in(hub: Any, page: bytes) -> None:
    hub.page = page
    with pytest.raises(DeviceError, match="what answers is not the Hub; sign in to this network"):
        pull(HubId("hotel/tiny"))


@pytest.fixture
def no_session() -> Iterator[None]:
    """The library opens its connections anew, so that it reads the environment."""
    close_session()
    yield
    close_session()


@pytest.mark.usefixtures("hub", "no_session")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:9/"),  # as a desktop's settings write it
        pytest.param(
            "ALL_PROXY",
            "socks5://127.0.0.1:9",
            marks=pytest.mark.skipif(find_spec("socksio") is not None, reason="the package for such proxies is here"),
        ),
        ("ALL_PROXY", "http://proxy:port"),
        ("HF_TOKEN", "hf_\u2026"),
    ],
)
def test_an_environment_by_which_no_hub_can_be_asked(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for proxy in ("ALL_PROXY", "HTTP_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match=r"someone/tiny cannot be fetched \(.+\); check ALL_PROXY, .*HF_TOKEN"):
        pull(TINY)


@pytest.mark.usefixtures("hub", "no_session")
def test_a_file_of_certificates_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/none.pem")
    with pytest.raises(DeviceError, match=r"SSL_CERT_FILE is /none\.pem, but there is no such file; correct or"):
        pull(TINY)


@pytest.mark.usefixtures("hub")
def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # root may write into any folder, but into no file's
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(OutputError, match=r"cannot be fetched \(/.+: Not a directory\); set HF_HOME to a folder that"):
        pull(TINY)


@pytest.mark.usefixtures("hub")
def test_off_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DeviceError, match="HF_HUB_OFFLINE"):
        pull(TINY)


@pytest.mark.parametrize("commit", ["", "../../../elsewhere", 41 * "a"])
def test_a_commit_that_is_none_names_no_folder(hub: Any, commit: str, tmp_path: Path) -> None:
    hub.commit = commit
    with pytest.raises(ModelError, match="the Hub names no valid commit"):
        pull(TINY)
    assert not list(tmp_path.rglob("*.safetensors"))
