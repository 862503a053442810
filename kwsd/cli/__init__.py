"""The command line: one file a command. Nothing heavy is imported before a command runs, so that help is instant."""

from kwsd.cli.entry import main

__all__ = ["main"]
