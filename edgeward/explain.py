"""`edgeward explain`: asks for one URL, and tells in plain sentences what each tier did with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import aiohttp
import click
from yarl import URL

from edgeward.addresses import parse_server
from edgeward.faults import Refused, WorkFailed, reason
from edgeward.tiers import read_tiers
from httpcache.observe.explain import TierStory, duration
from httpcache.observe.explain import explain as explain_tiers

TOLD_FIELDS = ("Cache-Status", "Age", "Cache-Control", "Proxy-Status")

EXAMPLES = """\b
Examples:
  edgeward explain http://127.0.0.1:8080/
  edgeward explain http://127.0.0.1:8080/ --header 'Host: www.example.com' --header 'Accept-Encoding: br'
  edgeward explain http://127.0.0.1:8080/news --json

\b
The request is a real one: it may make the edge fetch and store what it asks for.
Exit codes: 0 answered, 1 no answer, 2 wrong usage."""


@click.command(epilog=EXAMPLES)
@click.argument("url")
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Field to send; repeat for several."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True, help="Seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(url: str, headers: tuple[str, ...], timeout: float, as_json: bool) -> None:
    """Tell why URL was a hit or a miss at each tier, how long it remains fresh, and whether it was stored."""
    try:
        parse_server(url)
    except ValueError as error:
        raise Refused(f"{url!r} {error}") from error
    status, fields = asyncio.run(_ask(url, dict(map(_field, headers)), timeout))
    stories = explain_tiers(read_tiers(fields.get("Cache-Status", "")))
    if as_json:
        told = {"url": url, "status": status, "fields": fields, "tiers": [asdict(story) for story in stories]}
        click.echo(json.dumps(told, indent=2))
        return
    click.echo("\n".join(lines(url, status, fields, stories)))


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(c in text for c in "\r\n\0"):
        raise Refused(f"--header: {text!r} is not NAME: VALUE")
    return name.strip(), value.strip()


async def _ask(url: str, headers: dict[str, str], timeout: float) -> tuple[int, dict[str, str]]:
    """Status and the fields that tell; the body is not read."""
    limit = aiohttp.ClientTimeout(total=timeout)
    try:
        async with (
            aiohttp.ClientSession(
                auto_decompress=False, timeout=limit, skip_auto_headers=("Accept-Encoding",)
            ) as session,
            session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as response,
        ):
            told = {name: ", ".join(response.headers.getall(name, ())) for name in TOLD_FIELDS}
            return response.status, {name: value for name, value in told.items() if value}
    except TimeoutError as error:
        raise WorkFailed(f"{url}: no answer within {timeout:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise WorkFailed(f"cannot ask {url}: {reason(error)}") from error


def lines(url: str, status: int, fields: dict[str, Any], stories: Iterable[TierStory]) -> list[str]:
    """What is printed: the answer, then each tier in turn, the nearest first."""
    told = [f"{url} answered {status}."]
    if age := fields.get("Age"):
        known = age.isascii() and age.isdigit() and len(age) < 12
        told.append(
            f"It left the origin, or was last validated there, {duration(int(age))} ago."
            if known
            else f"Age: {age}"
        )
    empty = True
    for story in stories:
        empty = False
        told.append("")
        told.append(f"{story.name}{', when it fetched what is stored' if story.earlier else ''}:")
        told += [f"  {sentence}" for sentence in story.sentences]
    if empty:
        told += ["", "No Cache-Status: no tier of a CDN that tells of itself has handled this answer."]
    if failed := fields.get("Proxy-Status"):
        told += ["", f"A tier could not get the answer: {failed}"]
    return told
