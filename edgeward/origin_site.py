"""A small site for the sample origin: HTML, CSS, JavaScript and images that link to each other. All made here."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from functools import cache

PAGE_CACHING = "public, max-age=60, stale-while-revalidate=30"
ASSET_CACHING = "public, max-age=31536000, immutable"

STORIES = (
    (
        "harbour",
        "The harbour at six",
        "Before the ferries, the water keeps still, and every mast stands in it twice.",
    ),
    (
        "lantern",
        "A lantern for each door",
        "The street lit its own way home, one window at a time, and kept it lit.",
    ),
    (
        "orchard",
        "What the orchard stored",
        "Apples under straw in the dark: picked once in autumn, eaten until spring.",
    ),
    ("signal", "Signals between hills", "A fire on one hill, an answer on the next, and nobody had to walk."),
    (
        "mill",
        "The mill and the pond",
        "The pond held the rain of a week, so that the mill could run on a dry day.",
    ),
    (
        "post",
        "The last post coach",
        "It stopped where it always stopped, and found that the letters were there already.",
    ),
)

CSS = """\
:root { color-scheme: light dark; --ink: #1c2733; --paper: #fbfaf7; --accent: #0b6e69; --soft: #e6ece9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecef; --paper: #14191f; --accent: #6fd3cb; --soft: #222b33; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 Georgia, serif; }
header, main, footer { max-width: 60rem; margin: auto; padding: 1.5rem; }
header { display: flex; gap: 1rem; align-items: center; }
header img { width: 3rem; height: 3rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0; }
a { color: var(--accent); }
ul.stories { list-style: none; padding: 0; display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); }
ul.stories li { background: var(--soft); border-radius: .75rem; overflow: hidden; }
ul.stories img, article img { width: 100%; height: 9rem; object-fit: cover; display: block; }
ul.stories div { padding: 1rem; }
footer { font: .875rem system-ui, sans-serif; opacity: .8; }
"""

SCRIPT = """\
"use strict";
// How old is this page? The Age field of its own answer tells.
fetch(location.href, { method: "HEAD" }).then((answer) => {
  const age = answer.headers.get("Age");
  const status = answer.headers.get("Cache-Status");
  const line = document.getElementById("cache");
  line.textContent = status
    ? `Cache-Status: ${status} (Age ${age ?? 0} s)`
    : "No cache answered: straight from the origin.";
}).catch(() => {});
"""

LOGO = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" role="img" aria-label="Edgeward">
<circle cx="24" cy="24" r="22" fill="#0b6e69"/>
<path d="M10 30c5-14 23-14 28 0" fill="none" stroke="#fbfaf7" stroke-width="3"/>
<circle cx="24" cy="31" r="4" fill="#fbfaf7"/>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One resource of the site."""

    media_type: str
    body: bytes
    caching: str
    tags: tuple[str, ...] = ("site",)


@cache
def pages() -> dict[str, Page]:
    """Every resource of the site, by path. Assets carry their content's hash in their names."""
    made: dict[str, Page] = {}

    def asset(name: str, media_type: str, body: bytes) -> str:
        stem, dot, suffix = name.partition(".")
        path = f"/assets/{stem}.{hashlib.blake2b(body, digest_size=4).hexdigest()}{dot}{suffix}"
        made[path] = Page(media_type, body, ASSET_CACHING, ("site", "assets"))
        return path

    css = asset("site.css", "text/css; charset=utf-8", CSS.encode())
    script = asset("site.js", "text/javascript; charset=utf-8", SCRIPT.encode())
    logo = asset("logo.svg", "image/svg+xml", LOGO.encode())
    images = [asset(f"{name}.png", "image/png", picture(index)) for index, (name, _, _) in enumerate(STORIES)]
    shell = (css, script, logo)
    made["/"] = made["/index.html"] = _page(_front(images), "Edgeward's sample site", shell, ("front",))
    for (name, title, text), image in zip(STORIES, images, strict=True):
        made[f"/stories/{name}.html"] = _page(
            _story(title, text, image), title, shell, ("story", f"story-{name}")
        )
    made["/robots.txt"] = Page("text/plain; charset=utf-8", b"User-agent: *\nAllow: /\n", PAGE_CACHING)
    made["/favicon.ico"] = Page("image/png", picture(0, 32, 32), ASSET_CACHING, ("site", "assets"))
    return made


def _front(images: list[str]) -> str:
    items = "\n".join(
        f'<li><img src="{image}" alt=""><div><a href="/stories/{name}.html">{title}</a><p>{text}</p></div></li>'
        for (name, title, text), image in zip(STORIES, images, strict=True)
    )
    return f'<ul class="stories">\n{items}\n</ul>'


def _story(title: str, text: str, image: str) -> str:
    paragraphs = "\n".join(f"<p>{text}</p>" for _ in range(6))
    home = '<p><a href="/">All stories</a></p>'
    return f'<article>\n<h2>{title}</h2>\n<img src="{image}" alt="">\n{paragraphs}\n{home}\n</article>'


def _page(content: str, title: str, shell: tuple[str, str, str], tags: tuple[str, ...]) -> Page:
    css, script, logo = shell
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{css}">
<link rel="icon" href="{logo}">
<script src="{script}" defer></script>
</head>
<body>
<header><img src="{logo}" alt=""><h1>{title}</h1></header>
<main>
{content}
</main>
<footer><p id="cache"></p></footer>
</body>
</html>
"""
    return Page("text/html; charset=utf-8", html.encode(), PAGE_CACHING, ("site", *tags))


def picture(seed: int, width: int = 320, height: int = 180) -> bytes:
    """A PNG (ISO 15948) of hills under a sky; each seed has its own colours."""
    hue = (37 * seed + 20) % 90
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # each row begins with its filter: none
        for x in range(width):
            hill = (
                height * 6 // 10
                + ((x + seed * 53) % width * (width - (x + seed * 53) % width)) * 180 // width**2
            )
            if y > hill:
                rows += bytes((11 + hue, 110 - y * 40 // height, 105 - hue // 2))
            else:
                rows += bytes((250 - y * 120 // height, 190 + hue // 2 - y * 30 // height, 150 + hue))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
