"""Prints docs/settings.md from the settings themselves: `python -m edgeward.settings_page > docs/settings.md`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from httpcache import setting_kinds, settings

KINDS = {
    setting_kinds.Size: "size",
    setting_kinds.Seconds: "seconds",
    setting_kinds.Address: "HOST:PORT",
    setting_kinds.AdminAddress: "HOST:PORT",
    setting_kinds.ServerUrl: "URL of a server",
    setting_kinds.Network: "address or network",
}
NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}

OPENING = """\
# Settings

Printed from the code by `python -m edgeward.settings_page`; a test holds the two together.

A settings file is TOML. Flags of `edgeward edge` and `edgeward shield` win over it. `edgeward check FILE` names every
fault by key and line. Sizes are written as `12MiB`, `1.5GB` or a number of bytes; times are seconds.
[deploy/](../deploy/) has examples.
"""


def page() -> str:
    """The whole page."""
    parts = [OPENING, *_sections(settings.Settings, "")]
    return "\n".join(parts)


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    groups: list[tuple[str, type[BaseModel], bool]] = []
    rows = []
    for name, field in model.model_fields.items():
        group = _group(field.annotation)
        if group is not None:
            groups.append((name, group, get_origin(field.annotation) is tuple))
            if not field.description:
                continue
        rows.append(_row(name, field))
    if rows:
        yield "| setting | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    for name, group, many in groups:
        where = f"{path}{name}"
        title = f"## `[[{where}]]`" if many else f"## `[{where}]`"
        yield f"{title}\n\n{' '.join((group.__doc__ or '').split())}\n"
        yield from _sections(group, f"{where}.")


def _group(annotation: Any) -> type[BaseModel] | None:
    """The table of settings that a setting is, or is a list of."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _row(name: str, field: FieldInfo) -> str:
    kind = _kind(field.annotation, field.metadata)
    if field.annotation is float and not _meaning(field).startswith("Share"):
        kind = kind.replace("number", "seconds")  # every other float is a time
    cells = (f"`{name}`", kind, _default(field), _meaning(field))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value in (None, (), {}, ""):
        return "–"
    if any(
        isinstance(one, BeforeValidator) and one.func is setting_kinds.parse_size for one in field.metadata
    ):
        return f"`{_size(value)}`"
    return ", ".join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def _size(octets: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if octets and octets % factor == 0:
            return f"{octets // factor}{unit}"
    return str(octets)


def _kind(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    """The type of a setting in words. pydantic takes the outermost Annotated apart: put together again first."""
    for known, words in KINDS.items():
        base, *rest = get_args(known)
        wanted = [one for one in rest if isinstance(one, BeforeValidator)]
        if annotation == known or (base == annotation and wanted and wanted[0] in metadata):
            return words + _bounds(metadata) if words == "size" else words
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0], inner[1:])
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is tuple:
        return f"list of: {_kind(inner[0])}" if _group(annotation) is None else "list of tables"
    if origin is dict:
        return f"table: {_kind(inner[0])} = {_kind(inner[1])}"
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(one) for one in inner if one is not type(None))
    return NAMES.get(annotation, "table") + _bounds(metadata)


def _bounds(metadata: list[Any] | tuple[Any, ...]) -> str:
    told = [
        (sign, getattr(one, name)) for one in metadata for name, sign in BOUNDS.items() if hasattr(one, name)
    ]
    return "".join(f", {sign} {bound:g}" for sign, bound in told if (sign, bound) != ("≥", 0))


if __name__ == "__main__":
    print(page(), end="")
