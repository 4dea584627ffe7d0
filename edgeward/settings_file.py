"""Settings from a TOML file and flags; every fault is named by its key, and by its line where it has one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from edgeward.faults import Refused, reason
from edgeward.settings_lines import Path_, key_lines
from httpcache.settings import Settings


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """One fault: the key (or flag) that is wrong, the line of the file or None, and what is wrong."""

    key: str
    line: int | None
    message: str


class SettingsError(Exception):
    """The settings cannot be used; `faults` says why."""

    def __init__(self, faults: list[SettingsFault]) -> None:
        super().__init__("; ".join(f"{fault.key}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Flag:
    """A setting given on the command line: the flag, where the setting is, its value."""

    name: str
    path: tuple[str, ...]
    value: Any


def parse_settings(
    text: str, flags: tuple[Flag, ...] = (), defaults: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from TOML text; flags win over it, and it wins over `defaults`. Raises SettingsError."""
    try:
        values: dict[str, Any] = {**(defaults or {}), **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([_syntax_fault(str(error), text)]) from error
    faults = [fault for flag in flags if (fault := _set(values, flag, text))]
    if faults:
        raise SettingsError(faults)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_faults(error, text, flags)) from error


def load_settings(
    file: Path | None, flags: tuple[Flag, ...] = (), defaults: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from a file, or from flags alone. Raises Refused with one line for each fault."""
    text = read_text(file) if file else ""
    try:
        return parse_settings(text, flags, defaults)
    except SettingsError as error:
        raise Refused("\n".join(fault_line(fault, file) for fault in error.faults)) from error


def read_text(file: Path) -> str:
    """The text of a settings file. Raises Refused."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{file}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{file}: is not UTF-8 text") from error


def fault_line(fault: SettingsFault, file: Path | None) -> str:
    """One fault as one line: file and line number, key, message."""
    where = (
        ""
        if file is None or fault.key.startswith("--")
        else f"{file}:{fault.line}: "
        if fault.line
        else f"{file}: "
    )
    return f"{where}{fault.key}: {fault.message}" if fault.key else f"{where}{fault.message}"


def _syntax_fault(message: str, text: str) -> SettingsFault:
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(match[1]) if match and match[1] else len(text.splitlines()) or 1
    what = message[: match.start()] if match else message
    return SettingsFault("", line, f"is not TOML: {what[:1].lower()}{what[1:]}")


def _set(values: dict[str, Any], flag: Flag, text: str) -> SettingsFault | None:
    for name in flag.path[:-1]:
        table = values.setdefault(name, {})
        if not isinstance(table, dict):
            return SettingsFault(name, key_lines(text).get((name,)), "should be a table")
        values = table
    values[flag.path[-1]] = flag.value
    return None


def _faults(error: ValidationError, text: str, flags: tuple[Flag, ...]) -> list[SettingsFault]:
    lines = key_lines(text)
    found: list[SettingsFault] = []
    for one in error.errors(include_url=False):
        path = tuple(part for part in one["loc"] if part != "[key]")
        flag = next((flag for flag in flags if flag.path == path[: len(flag.path)]), None)
        key = flag.name if flag else key_text(path)
        line = None if flag else _line(lines, path)
        found.append(SettingsFault(key, line, _message(one, path)))
    return sorted(found, key=lambda fault: (fault.line or 0, fault.key))


def _line(lines: Mapping[Path_, int], path: Path_) -> int | None:
    """The line of a path, or of the nearest table around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def key_text(path: Path_) -> str:
    """A path as the file writes it: store.ram, sites[0].prefix."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def _message(one: Any, path: Path_) -> str:
    if one["type"] == "extra_forbidden":
        names = list(fields_at(path[:-1]))
        near = get_close_matches(str(path[-1]), names, 1)
        return (
            f"is not a setting; did you mean {near[0]}?"
            if near
            else f"is not a setting; there are {', '.join(names)}"
        )
    message = str(one["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    return f"{message[:1].lower()}{message[1:]}"


def fields_at(path: Path_) -> Iterator[str]:
    """The names of the settings in the table at `path`; none when there is no such table."""
    model: type[BaseModel] | None = Settings
    for part in path:
        if isinstance(part, str):
            field = model.model_fields.get(part) if model else None
            model = _model_in(field.annotation) if field else None
    return iter(model.model_fields if model else ())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for one in get_args(annotation) if (model := _model_in(one))), None)
