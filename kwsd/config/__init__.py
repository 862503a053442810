"""The configuration: the options, their values in force, and the paths of kwsd's files.

`sections` declares the options, `options` lists them, `load` reads their values, and `places` has the paths."""

from kwsd.config.hooklines import BY_A_SHELL, SHELL, command_line, parse_hook_flags, unread_sign
from kwsd.config.load import LoadedConfig, load_config
from kwsd.config.options import Option, nearest, options
from kwsd.config.places import check_letters, config_path, doubt_of, expanded, runtime_folder
from kwsd.config.rereading import rereading
from kwsd.config.sections import Config, GateConfig, HookConfig, MetricsConfig, ModelConfig, TriggerConfig

__all__ = [
    "BY_A_SHELL",
    "SHELL",
    "Config",
    "GateConfig",
    "HookConfig",
    "LoadedConfig",
    "MetricsConfig",
    "ModelConfig",
    "Option",
    "TriggerConfig",
    "check_letters",
    "command_line",
    "config_path",
    "doubt_of",
    "expanded",
    "load_config",
    "nearest",
    "options",
    "parse_hook_flags",
    "rereading",
    "runtime_folder",
    "unread_sign",
]
