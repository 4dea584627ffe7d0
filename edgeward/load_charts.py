"""Charts for the page of a load run, drawn as SVG: horizontal bars, and lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

WIDTH, LEFT, RIGHT = 860, 230, 60
"""Of a chart, of the labels on its left, of the room on its right; in SVG's units."""

HIGH, TOP, BOTTOM = 280, 24, 44
"""Of a chart of lines, and of the room over and under them."""

COLOURS = ("#2f6fde", "#d9662b", "#2f9e6e", "#9a55c4", "#c43d5a", "#7a8797", "#b08a1e")


def bars(title: str, values: Sequence[tuple[str, float]], *, marked: int) -> str:
    """A bar for each value, 0 to 1; that of number `marked` stands out."""
    row, across = 26, WIDTH - LEFT - RIGHT
    parts = []
    for number, (name, value) in enumerate(values):
        y, wide = TOP + number * row, max(0.0, min(1.0, value)) * across
        colour = COLOURS[0] if number == marked else COLOURS[5]
        parts.append(_text(LEFT - 8, y + 15, name, "end"))
        parts.append(f'<rect x="{LEFT}" y="{y + 3}" width="{wide:.1f}" height="17" fill="{colour}"/>')
        parts.append(_text(LEFT + wide + 6, y + 15, f"{value * 100:.1f} %"))
    return _svg(title, TOP + len(values) * row + 6, parts)


def lines(
    title: str,
    across: str,
    series: dict[str, list[tuple[float, float]]],
    *,
    places: Sequence[str] = (),
    top: float | None = None,
    is_log: bool = False,
) -> str:
    """A line for each series of (x, y). `places` are the names of x = 0, 1, …; `top` is the end of the y axis."""
    points = [point for one in series.values() for point in one]
    if not points:
        return ""
    plot = _Plot([x for x, _ in points], [y for _, y in points], top, is_log)
    parts = list(plot.grid())
    for number, (name, one) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        drawn = " ".join(f"{plot.x(x):.1f},{plot.y(y):.1f}" for x, y in one)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 14 + 18 * number
        parts.append(f'<rect x="4" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(20, y, name))
    named = places or [f"{value:,.0f}" for value in (plot.least, plot.most)]
    for number, name in enumerate(named):
        at = plot.x(float(number)) if places else plot.x((plot.least, plot.most)[number])
        parts.append(_text(at, HIGH - BOTTOM + 18, name, "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HIGH - 6, across, "middle"))
    return _svg(title, HIGH, parts)


class _Plot:
    """Where values stand in a chart of lines."""

    def __init__(self, xs: list[float], ys: list[float], top: float | None, is_log: bool) -> None:
        self.least, self.most = min(xs), max(xs)
        self._is_log = is_log
        self._low = math.floor(math.log10(min(ys))) if is_log else 0.0
        self._high = math.ceil(math.log10(max(ys))) if is_log else (top or max(ys) or 1.0)
        if self._high <= self._low:
            self._high = self._low + 1

    def x(self, value: float) -> float:
        """The place of a value across."""
        share = (value - self.least) / (self.most - self.least) if self.most > self.least else 0.0
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The place of a value upwards."""
        at = math.log10(value) if self._is_log else value
        return HIGH - BOTTOM - (at - self._low) / (self._high - self._low) * (HIGH - BOTTOM - TOP)

    def grid(self) -> Iterable[str]:
        """Level lines, and what they stand for."""
        steps = range(int(self._low), int(self._high) + 1) if self._is_log else range(5)
        for step in steps:
            value = 10.0**step if self._is_log else self._high * step / 4
            y = self.y(value)
            name = f"{value:g}" if self._is_log else f"{value * 100:.0f} %"
            yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".2"/>'
            yield _text(LEFT - 8, y + 4, name, "end")


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-size="13" role="img">'
        f"<title>{escape(title)}</title>{_text(LEFT, 14, title)}{''.join(parts)}</svg>"
    )
