import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from patience import PATIENCE_S
from typer.testing import CliRunner

from kwsd.cli.manual import ManualCommand


def converted(command: type[typer.core.TyperCommand], arguments: list[str]) -> dict[str, Any]:
    """What a command of this class gets, with parameters of every kind that kwsd's commands have."""
    got: dict[str, Any] = {}
    app = typer.Typer()

    @app.command(cls=command)
    def take(
        files: Annotated[list[Path], typer.Argument(readable=False)],
        text: Annotated[str | None, typer.Option()] = None,
        texts: Annotated[list[str] | None, typer.Option()] = None,
        folder: Annotated[Path | None, typer.Option(readable=False)] = None,
        place: Annotated[Path, typer.Option(readable=False)] = Path("runs"),
        choice: Annotated[Literal["text", "json"], typer.Option()] = "text",
        number: Annotated[float, typer.Option(min=0, max=9)] = 1.5,
        count: Annotated[int | None, typer.Option(min=0)] = None,
        opposed: Annotated[bool | None, typer.Option("--fresh/--resume")] = None,
        switch: Annotated[bool, typer.Option("--switch")] = False,
    ) -> None:
        got.update(locals())

    done = CliRunner().invoke(app, arguments)
    got.pop("got", None)
    return got or {"error": type(done.exception), "status": done.exit_code}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.wav", "b c"],
        ["a", "--text", "7", "--texts", "x=1", "--texts", "é", "--folder", "x", "--place", "a b", "--choice", "json"],
        ["-", "--number", "2", "--count", "3", "--fresh", "--switch"],
        ["-", "--number", "2.50", "--resume"],
    ],
)
def test_values_are_converted_as_by_typer(arguments: list[str]) -> None:
    usual = converted(typer.core.TyperCommand, arguments)
    ours = converted(ManualCommand, arguments)
    if arguments:
        assert ours == usual
        assert [type(value) for value in ours.values()] == [type(value) for value in usual.values()]
    else:
        assert "error" in ours
        assert "error" in usual


@pytest.mark.parametrize(
    "arguments", [["a", "--choice", "xml"], ["a", "--number", "ten"], ["a", "--number", "10"], ["a", "--count", "1.5"]]
)
def test_wrong_values_are_refused(arguments: list[str]) -> None:
    assert "error" in converted(ManualCommand, arguments)


@pytest.mark.parametrize("command", ["status", "config", "models", "doctor"])
def test_usual_commands_do_without_pydantic(command: str) -> None:
    program = "import sys; from kwsd.cli import main; main(sys.argv[1:]); print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, command], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
