"""`kwsd config`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import typer

from kwsd.cli import console
from kwsd.cli.flags import ConfigFile, configured, given_flags
from kwsd.cli.toml import as_toml, as_value, in_ascii
from kwsd.config import config_path, load_config, options
from kwsd.errors import UsageError
from kwsd.shown import spelt_out, takes_utf8


@configured(without=("output.format",))
def config(
    ctx: typer.Context,
    overrides: dict[str, Any],
    format: Annotated[
        Literal["table", "toml"],
        typer.Option(metavar="table|toml", help="toml is a file to start from."),
    ] = "table",
    path: Annotated[bool, typer.Option("--path", help="Say where the file is looked for, and nothing else.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show the configuration in force, and where each value comes from.

    The defaults hold until the file says otherwise; a flag overrides both. It takes
    the flags of `kwsd listen`, to see what they would change, but for its --format, which
    is about how the configuration is shown.

      kwsd config --path                     the file that is read, if it is there
      kwsd config --format toml >config.toml all options, with what they mean
      kwsd config --words yes,no             what these flags would mean
    """
    if path:
        if others := [*given_flags(ctx, ["format"]), *(options()[key].flag_for(overrides[key]) for key in overrides)]:
            raise UsageError("--path only says where the file is;", f"leave out {', '.join(others)}")
        console.say_text(str(config if config is not None else config_path()))
        return
    loaded = load_config(config, overrides)
    if format == "toml":
        text = as_toml(loaded)
        console.say_text(text if takes_utf8(sys.stdout) else in_ascii(text))
        return
    rows = []
    for key, option in options().items():
        value = option.value_in(loaded.config)
        if option.is_table:
            rows += [
                (f"{key}.{word}", as_value(entry), loaded.origins[f"{key}.{word}"]) for word, entry in value.items()
            ]
        else:
            rows.append((key, "unset" if value is None else as_value(value), loaded.origins[key]))
    console.table("", ("option", "value", "from"), [[*map(spelt_out, row)] for row in rows])
