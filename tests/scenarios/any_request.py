"""Requests of all sorts for the two lanes to agree on: valid ones, some of them odd."""

from __future__ import annotations

import random

OLD = "Sun, 01 Jun 2025 10:00:00 GMT"


def plain(target: str, *lines: str, method: str = "GET") -> bytes:
    """A request as browsers send it."""
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: site.example", *lines, "", "")).encode(
        "latin-1"
    )


TARGETS = ("/text", "/weak", "/dated", "/plain", "/large", "/empty", "/gone", "/moved", "/guess", "/nostore", "/always",
           "/latin", "/tiers", "/spoken", "/text?q=1&utm_x=2", "/a//b", "/%7Etext", "/text?")  # fmt: skip
LINES = {
    "Accept-Encoding": ("br", "zstd", "gzip", "gzip, deflate, br, zstd", "identity", "*;q=0", "br;q=0.1, gzip", "",
                        "x-gzip", "br;q=0, *", "BR"),
    "If-None-Match": ('"t"', '"t~ew-br"', 'W/"w"', 'W/"w~ew-gzip"', '"l"', "*", '"x", "t"', "t", '"e"', ""),
    "If-Modified-Since": (OLD, "Sun, 01 Jun 2025 09:59:59 GMT", "Sunday, 01-Jun-25 10:00:00 GMT", "yesterday"),
    "Range": ("bytes=0-", "bytes=0-0", "bytes=2-5", "bytes=-3", "bytes=9999999-", "bytes=0-1,3-4", "bytes=5-2",
             "lines=1",              "Bytes=1-", "bytes=0-1,1-2", "bytes= 1-2", "bytes=-0"),
    "If-Range": ('"t"', '"t~ew-br"', 'W/"w"', OLD, '"l"', "nonsense"),
    "Cache-Control": ("max-age=0", "no-cache", "no-store", "max-age=60", "only-if-cached", "no-transform", "max-stale",
                      "min-fresh=30", "max-stale=5", "x, y=z", "max-age=9999", "stale-if-error=3", ""),
    "Pragma": ("no-cache", "x"),
    "Accept-Language": ("de", "en", "de-DE, de;q=0.9, en;q=0.1", "fr", "DE"),
    "If-Match": ('"t"', "*"),
    "If-Unmodified-Since": (OLD,),
    "Connection": ("keep-alive", "Keep-Alive", "x-thing", "keep-alive, x-thing"),
    "Cookie": ("a=1; b=2",),
    "X-Forwarded-For": ("10.1.2.3",),
    "X-Forwarded-Proto": ("https",),
    "CDN-Loop": ("other", "edge.edge.edgeward"),
    "TE": ("trailers",),
    "Expect": ("100-continue",),
    "Edgeward-Purge-Mark": ("1.5", "x"),
    "Max-Forwards": ("0",),
}  # fmt: skip
USUAL = ("Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range", "If-Range", "Cache-Control",
         "Accept-Language")  # fmt: skip


def any_request(dice: random.Random) -> bytes:
    """A request that is valid, though some are odd."""
    method = dice.choices(("GET", "HEAD", "POST", "OPTIONS"), (80, 16, 2, 2))[0]
    target = dice.choice(TARGETS)
    if dice.random() < 0.02:
        target = f"http://site.example{target}"
    names = dice.sample(USUAL, dice.choice((0, 0, 1, 1, 1, 2, 3)))
    names += [dice.choice(tuple(LINES))] if dice.random() < 0.1 else []
    lines = [_spelt(name, dice.choice(LINES[name]), dice) for name in names]
    host = dice.choices(
        ("Host: site.example", "host:site.example", "HOST: Site.Example:80", "Host:  site.example "),
        (20, 1, 1, 1),
    )[0]
    lines.insert(dice.randrange(len(lines) + 1), host)
    end = "\r\n\r\n"
    body = ""
    if method == "POST":
        body = dice.choice(
            ("", "Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        )
        end = "\r\n" if body else "\r\nContent-Length: 0\r\n\r\n"
    return (dice.choice(("", "", "", "", "", "\r\n")) * (dice.random() < 0.05)).encode() + (
        "\r\n".join((f"{method} {target} HTTP/1.1", *lines)) + end + body
    ).encode("latin-1")


def _spelt(name: str, value: str, dice: random.Random) -> str:
    spelling = dice.choices((name, name.lower(), name.upper()), (10, 2, 1))[0]
    return f"{spelling}{dice.choices((': ', ':', ':  ', ':' + chr(9)), (20, 1, 1, 1))[0]}{value}"
