"""The rows of bench/subtle.py: what the origin says, what the client asks, and how a cell tells what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MONTH_AGO = "Sat, 01 Feb 2025 00:00:00 GMT"
MINUTE = {"Cache-Control": "max-age=60"}


@dataclass
class Asked:
    """A request as the origin got it. Names of fields are in lower case."""

    method: str
    path: str
    fields: dict[str, str]
    is_validation: bool = False


@dataclass
class Said:
    """What the origin answers. An empty body stands for one that tells which answer it is."""

    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Ask:
    """One request of the client, `wait` seconds after the one before."""

    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    path: str = ""
    wait: float = 0.0


@dataclass
class Answer:
    """What the client got, and what the origin was asked for it. Names of fields are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes
    asked: list[Asked]


@dataclass
class Row:
    """One row: `origin` answers the nth request for a path; `tell` makes the cell of all answers."""

    name: str
    what: str
    section: str
    origin: Callable[[Asked, int], Said]
    asks: tuple[Ask, ...]
    tell: Callable[[list[Answer]], str]


def says(fields: dict[str, str], status: int = 200) -> Callable[[Asked, int], Said]:
    """An origin that says the same each time, but for its body: that counts, and is ten octets long."""
    return lambda asked, number: Said(status, fields, b"answer %03d" % number)


def came(answers: list[Answer], of: int = -1) -> str:
    """How an answer came about, compared with the one before it for the same path."""
    answer, before = answers[of], answers[of - 1]
    if answer.status == 0:
        return f"no answer ({answer.body.decode()})"
    if not answer.asked:
        return "reused" if answer.status == before.status else f"{answer.status} of its own"
    if any(asked.is_validation for asked in answer.asked):
        return "validated"
    return "reused, refreshed behind" if answer.body == before.body else "asked again"


def status(answers: list[Answer]) -> str:
    """The last answer's status, and whether the origin was asked for it."""
    return f"{answers[-1].status}{', origin asked' if answers[-1].asked else ''}"


def with_field(name: str, of: int = -1) -> Callable[[list[Answer]], str]:
    """How an answer came, and with what value of a field."""

    def tell(answers: list[Answer]) -> str:
        value = answers[of].fields.get(name.lower())
        return f"{came(answers, of)}, {f'{name}: {value}' if value is not None else f'no {name}'}"

    return tell


def both(answers: list[Answer]) -> str:
    """How the second and the fourth answer came."""
    return f"{came(answers, 1)}; {came(answers, 3)}"


def _fields_named(asked: Asked, number: int) -> Said:
    is_private = asked.path.endswith("private")
    control = 'max-age=60, private="X-Own"' if is_private else 'max-age=60, no-cache="X-Own"'
    return Said(200, {"Cache-Control": control, "X-Own": f"{number}", "ETag": '"v"'}, b"answer %03d" % number)


def _two_fields(answers: list[Answer]) -> str:
    return f"{with_field('X-Own', 1)(answers)}; {with_field('X-Own', 3)(answers)}"


def _authorized(asked: Asked, number: int) -> Said:
    control = "public, max-age=60" if asked.path.endswith("public") else "max-age=60"
    return Said(200, {"Cache-Control": control}, b"answer %03d" % number)


def _location(asked: Asked, number: int) -> Said:
    if asked.method == "POST":
        return Said(201, {"Location": asked.path.removesuffix("/list") + "/item"}, b"made")
    return Said(200, MINUTE, b"answer %03d" % number)


def _longer_head(asked: Asked, number: int) -> Said:
    """Ten octets, fresh for a second; then twenty, fresh for a minute."""
    if number == 1:
        return Said(200, {"Cache-Control": "max-age=1"}, b"first, ten")
    return Said(200, MINUTE, b"the later, of twenty")


def _bare_304(asked: Asked, number: int) -> Said:
    if "if-none-match" in asked.fields:
        return Said(304, MINUTE)
    return Said(200, {"Cache-Control": "max-age=1", "ETag": '"v"'}, b"answer %03d" % number)


def _told_range(answers: list[Answer]) -> str:
    last = answers[-1]
    return f"{last.status}{', ' + last.fields['content-range'] if 'content-range' in last.fields else ''}"


def _head_then_get(answers: list[Answer]) -> str:
    body = "the later body" if answers[2].body.startswith(b"the later") else "the earlier body"
    return f"HEAD {came(answers, 1)}, GET {came(answers, 2) if answers[2].asked else 'reused'}: {body}"


def _kept_etag(answers: list[Answer]) -> str:
    return f"{came(answers, 1)}, ETag {answers[1].fields.get('etag', 'none')}; then {came(answers, 2)}"


def _after(answers: list[Answer]) -> str:
    """What came of the middle request, and then of the one that was stored."""
    _, middle, last = answers
    if middle.status == 0:
        return came(answers, 1)
    then = "reused" if not last.asked else "asked again"
    return f"{middle.status}{'' if middle.asked else ' of its own'}; then {then}"


GET = Ask()
TWICE = (GET, GET)
AUTHORIZED = (
    Ask(fields={"Authorization": "Basic YTpi"}, path="/plain"),
    Ask(fields={"Authorization": "Basic Yzpk"}, path="/plain"),
    Ask(fields={"Authorization": "Basic YTpi"}, path="/public"),
    Ask(fields={"Authorization": "Basic Yzpk"}, path="/public"),
)
NAMED = (Ask(path="/no-cache"), Ask(path="/no-cache"), Ask(path="/private"), Ask(path="/private"))
WEAK = {**MINUTE, "ETag": 'W/"v"'}
STRONG = {**MINUTE, "ETag": '"v"'}

ROWS = (
    Row("age", "`Age: 50`, `max-age=51`; again after 2 s", "9111 §4.2.3",
        says({"Cache-Control": "max-age=51", "Age": "50"}), (GET, Ask(wait=2.2)), with_field("Age")),
    Row("quoted", '`max-age="60"`; again', "9111 §5.2", says({"Cache-Control": 'max-age="60"'}), TWICE, came),
    Row("duplicate", "`max-age=0, max-age=60`; again", "9111 §4.2.1",
        says({"Cache-Control": "max-age=0, max-age=60"}), TWICE, came),
    Row("expires", "`Expires: 0`, old `Last-Modified`; again", "9111 §5.3",
        says({"Expires": "0", "Last-Modified": MONTH_AGO}), TWICE, came),
    Row("s-maxage", "`s-maxage=1, stale-while-revalidate=30`; again after 2 s", "9111 §5.2.2.10",
        says({"Cache-Control": "s-maxage=1, stale-while-revalidate=30"}), (GET, Ask(wait=2.2)), came),
    Row("named", '`no-cache="X-Own"`; again. `private="X-Own"`; again', "9111 §5.2.2.4, §5.2.2.7",
        _fields_named, NAMED, _two_fields),
    Row("vary", "`Vary: Accept-Encoding`; `gzip, br`, then `br,gzip`", "9111 §4.1",
        says({**MINUTE, "Vary": "Accept-Encoding"}),
        (Ask(fields={"Accept-Encoding": "gzip, br"}), Ask(fields={"Accept-Encoding": "br,gzip"})), came),
    Row("location", "POST elsewhere says `Location` of what is stored; GET that", "9111 §4.4", _location,
        (Ask(path="/item"), Ask("POST", path="/list"), Ask(path="/item")), _after),
    Row("authorization", "`Authorization`; another's. The same with `public`", "9111 §3.5",
        _authorized, AUTHORIZED, both),
    Row("cookie", "`max-age=60`, `Set-Cookie`; again", "9111 §7.3",
        says({**MINUTE, "Set-Cookie": "id=1"}), TWICE, with_field("Set-Cookie")),
    Row("weak", 'ETag `"v"` stored; `If-None-Match: W/"v"`', "9110 §13.1.2",
        says(STRONG), (GET, Ask(fields={"If-None-Match": 'W/"v"'})), status),
    Row("suffix", "stored whole; `Range: bytes=-4`", "9110 §14.1.2",
        says(STRONG), (GET, Ask(fields={"Range": "bytes=-4"})), _told_range),
    Row("if-range", 'ETag `W/"v"` stored; `Range`, `If-Range: W/"v"`', "9110 §13.1.5",
        says(WEAK), (GET, Ask(fields={"Range": "bytes=0-3", "If-Range": 'W/"v"'})), _told_range),
    Row("head", "stored of 10 octets, stale; HEAD says 20, fresh; GET", "9111 §4.3.5",
        _longer_head, (GET, Ask("HEAD", wait=2.2), GET), _head_then_get),
    Row("bare304", "stale; 304 without `ETag`, `max-age=60`; again", "9111 §4.3.4",
        _bare_304, (GET, Ask(wait=2.2), GET), _kept_etag),
    Row("only", "nothing stored; `only-if-cached`", "9111 §5.2.1.7",
        says(MINUTE), (Ask(fields={"Cache-Control": "only-if-cached"}),), status),
    Row("no-cache", "fresh; client says `no-cache`", "9111 §5.2.1.4",
        says(MINUTE), (GET, Ask(fields={"Cache-Control": "no-cache"})), came),
    Row("404", "404 without freshness; again", "9111 §4.2.2", says({}, 404), TWICE, came),
    Row("targeted", "`no-store`, `CDN-Cache-Control: max-age=60`; again", "9213 §2.2",
        says({"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=60"}), TWICE, came),
    Row("unknown", "stored; method `BREW`; GET", "9111 §4.4", says(MINUTE), (GET, Ask("BREW"), GET), _after),
)  # fmt: skip
