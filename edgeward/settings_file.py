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
from httpcache.setting_kinds import Conflict
from httpcache.settings import ONE_BY_ONE, Settings


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
    text: str | None, flags: tuple[Flag, ...] = (), defaults: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from TOML text, None where flags say all; flags win over it, and it wins over `defaults`.

    Raises SettingsError.
    """
    try:
        values: dict[str, Any] = {**(defaults or {}), **tomllib.loads(text or "")}
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([_syntax_fault(str(error), text or "")]) from error
    faults = [fault for flag in flags if (fault := _set(values, flag, text or ""))]
    if faults:
        raise SettingsError(faults)
    settings, faults = _validated(values, Places(text, flags))
    if settings is None or faults:
        raise SettingsError(sorted(faults, key=lambda fault: (fault.line or 0, fault.key)))
    return settings


def load_settings(
    file: Path | None, flags: tuple[Flag, ...] = (), defaults: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from a file, or from flags alone. Raises Refused with one line for each fault."""
    try:
        return parse_settings(read_text(file) if file else None, flags, defaults)
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


class Places:
    """Where each setting was given: on which line of the file, or by which flag."""

    def __init__(self, text: str | None, flags: tuple[Flag, ...]) -> None:
        self.is_file = text is not None
        self._lines = key_lines(text or "")
        self._flags = flags

    def fault(self, path: Path_, message: str) -> SettingsFault:
        """A fault of the setting at `path`: named by flag, else by key, and the line of it or of what is around it."""
        for flag in self._flags:
            if flag.path == path[: len(flag.path)]:
                return SettingsFault(flag.name, None, message)
        return SettingsFault(key_text(path), self._line(path), message)

    def _line(self, path: Path_) -> int | None:
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1 if self.is_file else None


def _validated(values: dict[str, Any], places: Places) -> tuple[Settings | None, list[SettingsFault]]:
    """The settings, and every fault: of each by itself, then of those good ones that do not go together."""
    faults: list[SettingsFault] = []
    wrong: list[Path_] = []
    settings: Settings | None = None
    while settings is None:
        try:
            settings = Settings.model_validate(values, context=ONE_BY_ONE)
        except ValidationError as error:
            found = [
                (tuple(part for part in one["loc"] if part != "[key]"), one)
                for one in error.errors(include_url=False)
            ]
            faults += [places.fault(path, _message(one, path)) for path, one in found]
            wrong += [meant for path, one in found for meant in (path, _meant(one, path))]
            if not any([_left_out(values, path) for path, _ in found]):
                return None, faults
    for conflict in settings.conflicts():
        judged = (conflict.path, *conflict.others)
        if not any(_overlap(path, one) for path in judged for one in wrong):
            faults.append(_conflict_fault(conflict, settings, places))
    return settings, faults


def _left_out(values: Any, path: Path_) -> bool:
    """Take out what is wrong, or the nearest table's key that it is in, so that the rest can be judged."""
    holder: tuple[dict[str | int, Any], str | int] | None = None
    for part in path:
        if isinstance(values, dict) and part in values:
            holder = (values, part)
        elif not (isinstance(values, list) and isinstance(part, int) and part < len(values)):
            break
        values = values[part]
    if holder is None:
        return False
    del holder[0][holder[1]]
    return True


def _overlap(one: Path_, other: Path_) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


def _conflict_fault(conflict: Conflict, settings: Settings, places: Places) -> SettingsFault:
    if conflict.path == ("origin",) and not places.is_file:
        flags = "--origin" if settings.tier == "shield" else "--shield or --origin"
        return SettingsFault("", None, f"no next hop: give {flags}")
    return places.fault(conflict.path, conflict.message)


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


def _meant(one: Any, path: Path_) -> Path_:
    """The setting that an unknown one is likely to be; else `path` itself."""
    near = (
        get_close_matches(str(path[-1]), fields_at(path[:-1]), 1) if one["type"] == "extra_forbidden" else []
    )
    return (*path[:-1], near[0]) if near else path


def _message(one: Any, path: Path_) -> str:
    if one["type"] == "extra_forbidden":
        meant = _meant(one, path)
        if meant != path:
            return f"is not a setting; did you mean {meant[-1]}?"
        return f"is not a setting; there are {', '.join(fields_at(path[:-1]))}"
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
