"""Loads the configuration: the defaults, then the TOML file, then the flags; and the origin of each value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kwsd.config.hints import unknown_key, unknown_section
from kwsd.config.options import Option, options
from kwsd.config.places import config_path
from kwsd.config.sections import Config
from kwsd.config.values import check
from kwsd.errors import ConfigError, UsageError
from kwsd.shown import brief, literal
from kwsd.texts import TOMLDecodeError, parse_toml, read_text, toml_mistake


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration with its sources.

    `origins` has every key of `options()`, and `section.name.word` for each entry of a table by word; its values are
    "default", the file's path or "flag --name". `path` is the file that was read; None if none was.
    """

    config: Config
    origins: Mapping[str, str]
    path: Path | None


def load_config(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> LoadedConfig:
    """Read `path` (None: the default place, where a missing file is no error), then apply `overrides`.

    `overrides` maps keys (`gate.onset_ms`) to the flags' values: of TOML's types, or text to be parsed as such; None
    for a flag that was not given. Raises ConfigError for anything in the file that is unknown, of the wrong type or out
    of range, and UsageError for wrong flags.
    """
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    found = path if path is not None else config_path()
    read = path is not None or _is_there(found)
    file = dict(_flatten(_read(found), found)) if read else {}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, option in options().items():
        values[key], origins[key] = option.default, "default"
        if key in file:
            _set(option, check(option, file[key], f"{found}: {key}"), str(found), values, origins)
        if key in given:
            flag = _flag(option, given[key])
            _set(option, _check_flag(option, given[key], flag), f"flag {flag}", values, origins)
    _settle(given, values, origins)
    unknown = set(given) - set(values)
    if unknown:
        raise KeyError(f"no such option: {', '.join(sorted(unknown))}")
    return LoadedConfig(_assemble(values), origins, found if read else None)


def _check_flag(option: Option, value: Any, flag: str) -> Any:
    """Check a flag's value. Raises UsageError for a wrong one: there is no file to edit."""
    try:
        return check(option, value, flag, text=True)
    except ConfigError as error:
        raise UsageError(*error.args) from error


def _set(option: Option, value: Any, origin: str, values: dict[str, Any], origins: dict[str, str]) -> None:
    """Set one value; tables by word are merged, with a new entry replacing the earlier one of the same word."""
    if option.is_table:
        origins.update({f"{option.key}.{word}": origin for word in value})
        value = {**values[option.key], **value}
    values[option.key], origins[option.key] = value, origin


def _settle(given: Mapping[str, Any], values: dict[str, Any], origins: dict[str, str]) -> None:
    """Apply what one flag implies for another key, where the flag goes before the file.

    Raises UsageError for flags that contradict each other."""
    if "socket.path" in given and "socket.enabled" in given and not values["socket.enabled"]:
        raise UsageError("--no-socket and --socket contradict each other", "leave one of them out")
    if "socket.path" in given and "socket.enabled" not in given:
        values["socket.enabled"], origins["socket.enabled"] = True, origins["socket.path"]
    if "trigger.threshold" in given and "trigger.thresholds" not in given:
        for word in values["trigger.thresholds"]:
            del origins[f"trigger.thresholds.{word}"]
        values["trigger.thresholds"], origins["trigger.thresholds"] = {}, origins["trigger.threshold"]


def _assemble(values: Mapping[str, Any]) -> Config:
    sections = {}
    for section in fields(Config):
        kind: Any = section.default_factory
        sections[section.name] = kind(**{entry.name: values[f"{section.name}.{entry.name}"] for entry in fields(kind)})
    return Config(**sections)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return False
        raise ConfigError(
            f"{path} is a link to {path.readlink()}, which does not exist;", "correct or remove the link"
        ) from None
    except OSError as error:  # an unreadable file does not count as missing: it may hold the user's hooks
        raise _unreadable(path, error) from error
    return True


def _unreadable(path: Path, error: OSError) -> ConfigError:
    first = "put a file there" if isinstance(error, IsADirectoryError) else "check the name and its permissions"
    return ConfigError(f"{path}: cannot be read: {error.strerror};", f"{first}, or name another with --config")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = read_text(path)
        return parse_toml(text)
    except TOMLDecodeError as error:
        line, what, remedy = toml_mistake(error, text)
        raise ConfigError(f"{path}, line {line}: {what};", remedy) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: not in UTF-8;", "save the file in UTF-8, as TOML requires") from error
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file;", "create it, or leave out --config") from error
    except OSError as error:
        if path == Path():  # an empty name becomes this
            what = "--config has an empty name, or that of the current folder;"
            raise ConfigError(what, "name a file, or leave out --config") from error
        raise _unreadable(path, error) from error
    except ValueError as error:  # beyond Python's limits
        raise ConfigError(f"{path}: {error}") from error


def _flatten(tree: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    """The file's values under their keys; ConfigError for a section or key that does not exist."""
    sections = [section.name for section in fields(Config)]
    for section, table in tree.items():
        if section not in sections:
            raise _unknown(path, section, table)
        if not isinstance(table, Mapping):
            raise ConfigError(f"{path}: {section} is {literal(table)};", f"it must be a section, [{section}]")
        for name, value in table.items():
            if f"{section}.{name}" not in options():
                raise ConfigError(
                    f"{path}: unknown key {literal(name)} in [{section}];", unknown_key(section, name, value)
                )
            yield f"{section}.{name}", value


def _unknown(path: Path, name: str, value: Any) -> ConfigError:
    if isinstance(value, Mapping):
        return ConfigError(f"{path}: unknown section [{brief(name)}];", unknown_section(name))
    return ConfigError(f"{path}: unknown key {literal(name)} outside of any section;", unknown_key("", name, value))


def _flag(option: Option, value: Any) -> str:
    """The flag as the user typed it: for `--gate/--no-gate`, the half that gives the value."""
    if option.key == "socket.enabled" and value:
        return "--socket"
    return option.flag_for(value) or option.key
