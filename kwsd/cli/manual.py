"""Formats help like a manual, with examples as written and options in groups, and without rich.

Typer formats help with rich, whose import alone takes longer than all the rest of `kwsd --help`, and which wraps the
examples.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from kwsd.cli.coercion import convert_plainly
from kwsd.cli.refusals import refusing
from kwsd.cli.repeats import refuse_repeats
from kwsd.shown import wants_colour
from kwsd.sinks.nonblocking_writer import NOBODY_READS

OTHERS = "Other options"
"""The title for options without a group."""

_BRIEF = 60
"""The most characters of help beside a shell's completion; a narrow terminal may still wrap them."""

Rows = list[tuple[str, str]]


class ManualCommand(TyperCommand):
    """A command whose help keeps the lines of its examples and groups its options by `rich_help_panel`.

    Its errors for wrong values are worded like those of the configuration. An option of which only the last value would
    count may be given only once.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        return convert_plainly(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: Any) -> Any:
        with refusing(ctx):
            if not ctx.resilient_parsing:  # not for completion, where the line is unfinished
                _, _, given = self.make_parser(ctx).parse_args(list(args))
                refuse_repeats(given)
            return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        return _with_brief_help(super().shell_complete(ctx, incomplete))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The arguments, named as in the list below; typer would show a required, repeatable one as {FILE...}...."""
        arguments = [parameter for parameter in self.get_params(ctx) if parameter.param_type_name == "argument"]
        names = [(str(argument.metavar), argument.required) for argument in arguments]
        return [str(self.options_metavar), *(name if needed else f"[{name}]" for name, needed in names)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # click's signature
        _write_text(self.help, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_groups(_by_group(self.get_params(ctx), ctx), formatter)


class ManualGroup(TyperGroup):
    """A command with subcommands, which its help groups by `rich_help_panel`."""

    def get_params(self, ctx: Any) -> list[Any]:
        return convert_plainly(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: Any) -> Any:
        with _read_enough(), refusing(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _read_enough(), refusing(ctx):
            return super().invoke(ctx)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        return _with_brief_help(super().shell_complete(ctx, incomplete))

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # click's signature
        _write_text(self.help, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, Rows] = {}
        for name, command in self.commands.items():
            if not command.hidden:
                panel = getattr(command, "rich_help_panel", None)
                title = panel if isinstance(panel, str) else "Commands"
                groups.setdefault(title, []).append((name, command.get_short_help_str(200)))
        _write_groups(groups, formatter)
        _write_groups(_by_group(self.get_params(ctx), ctx), formatter)


@contextmanager
def _read_enough() -> Iterator[None]:
    """Exit with 0 when the reader of the output is gone, as in `kwsd models | head -1`; typer would exit with 1."""
    try:
        yield
    except NOBODY_READS:
        raise typer.Exit(0) from None


def _with_brief_help(candidates: list[Any]) -> list[Any]:
    """Shorten the help of each completion candidate to its beginning.

    Typer passes the whole help to rich, which takes [default: 50] for markup and wraps the rest; and fish would take a
    second line for another candidate."""
    for candidate in candidates:
        first = re.split(r"(?<!\.)[.:;](?: |$)| \[", candidate.help or "", maxsplit=1)[0]
        candidate.help = textwrap.shorten(first, _BRIEF, placeholder=" …")
    return candidates


def _write_text(text: str | None, formatter: Any) -> None:
    """Write the text, indented: paragraphs are wrapped to the width of the options, indented lines are kept."""
    formatter.write_paragraph()
    for as_it_stands, lines in groupby((text or "").strip("\n").splitlines(), lambda line: line[:1] in ("", " ")):
        if as_it_stands:
            written = "\n".join(f"  {line}".rstrip() for line in lines)
        else:  # flags are not broken at hyphens
            written = textwrap.fill(
                " ".join(lines), formatter.width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
            )
        formatter.write(f"{written}\n")


def _by_group(parameters: Iterable[Any], ctx: Any) -> dict[str, Rows]:
    """The parameters by group: arguments first, then the groups in their order, then the other options."""
    groups: dict[str, Rows] = {"Arguments": []}
    others: Rows = []
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        if parameter.param_type_name == "argument":
            groups["Arguments"].append((parameter.metavar or record[0], record[1]))
            continue
        panel = getattr(parameter, "rich_help_panel", None)
        (groups.setdefault(panel, []) if isinstance(panel, str) else others).append(record)
    return {**groups, OTHERS: others}


def _write_groups(groups: dict[str, Rows], formatter: Any) -> None:
    for title, rows in groups.items():
        if rows:
            with formatter.section(typer.style(title, bold=True) if wants_colour(sys.stdout) else title):
                formatter.write_dl(rows, col_max=26)
