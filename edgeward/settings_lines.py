"""On which line of a TOML file each key stands: tomllib tells values, not places."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import Any

Path_ = tuple[str | int, ...]
"""Where a value is: names of tables and keys, and indices within arrays of tables."""

_TABLE = re.compile(r"\s*(\[{1,2})(.+?)\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)


def key_lines(text: str) -> dict[Path_, int]:
    """Line numbers, from 1, of every table and key; empty as far as the text is not TOML."""
    lines = text.splitlines()
    found: dict[Path_, int] = {}
    counts: Counter[Path_] = Counter()
    table: Path_ = ()
    number = 0
    while number < len(lines):
        line = lines[number]
        if match := _TABLE.fullmatch(line):
            table = _names(match[2])
            if match[1] == "[[":
                counts[table] += 1
                table = (*table, counts[table] - 1)
            found.setdefault(table, number + 1)
        elif match := _KEY.match(line):
            path = (*table, *_names(match[1]))
            for depth in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:depth], number + 1)
            number = _last_line(lines, number)
        number += 1
    return found


def _names(dotted: str) -> Path_:
    """The names in a dotted key: its quotes are TOML's own matter."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return (dotted,)
    names: list[str] = []
    while isinstance(value, dict):
        name, value = next(iter(value.items()))
        names.append(name)
    return tuple(names)


def _last_line(lines: list[str], first: int) -> int:
    """The last line of the value that begins on line `first` (arrays and long strings go on)."""
    for last in range(first, len(lines)):
        try:
            tomllib.loads("\n".join(lines[first : last + 1]))
        except tomllib.TOMLDecodeError:
            continue
        return last
    return first
