"""`edgeward origin`: a sample origin with objects of any size, a small site, and a count of what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import unquote

import click
import uvloop
from aiohttp import web

from edgeward.addresses import AddressParam
from edgeward.faults import Refused, reason
from edgeward.origin_count import OriginCount
from edgeward.origin_objects import MODIFIED, Body, ObjectOrder, entity_tag, parse_order
from edgeward.origin_ranges import Part, requested_part
from edgeward.origin_site import Page, pages

AT_ONCE = 256 * 2**10
"""Bodies up to this are sent with their head in one write, in bytes; larger ones are made as they go."""

NO_BODY = (204, 304)


class Origin:
    """Answers requests, and counts its answers."""

    def __init__(self) -> None:
        self.count = OriginCount()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to one request."""
        path = request.path
        if path == "/_count":
            return _json(self.count.as_json())
        if path == "/_reset" and request.method == "POST":
            self.count.reset()
            return _json(self.count.as_json())
        if request.method not in ("GET", "HEAD"):
            await request.read()
            return self._counted(request, web.Response(status=405, headers={"Allow": "GET, HEAD"}), 0)
        if path.startswith("/objects/"):
            return await self._object(request)
        return self._page(request, pages().get(path))

    async def _object(self, request: web.BaseRequest) -> web.StreamResponse:
        query = request.query
        try:
            order = parse_order(
                unquote(request.path[len("/objects/") :]), query, tuple(query.getall("tag", ()))
            )
        except ValueError as error:
            return self._counted(request, web.Response(status=400, text=f"{error}\n"), 0)
        if order.delay:
            await asyncio.sleep(order.delay)
        headers = {"Content-Type": order.media_type, **_caching(order.cache_control, order.tags)}
        headers |= _validators(order.etag, order.modified)
        if order.status == 200 and _not_modified(request, order.etag, order.modified):
            return self._counted(request, web.Response(status=304, headers=headers), 0)
        body = order.body
        part = Part(0, body.size)
        if order.status == 200:
            headers["Accept-Ranges"] = "bytes"
            part = requested_part(request.headers, body.size, order.etag, order.modified)
        if part.first < 0:
            headers |= {"Content-Range": f"bytes */{body.size}"}
            return self._counted(request, web.Response(status=416, headers=headers), 0)
        if part.ranged:
            headers["Content-Range"] = f"bytes {part.first}-{part.end - 1}/{body.size}"
            order = replace(order, status=206)
        return await self._send(request, order, headers, body, part)

    async def _send(
        self, request: web.BaseRequest, order: ObjectOrder, headers: dict[str, str], body: Body, part: Part
    ) -> web.StreamResponse:
        length = part.end - part.first
        if order.status in NO_BODY or request.method == "HEAD":
            if order.status not in NO_BODY and not order.chunked:
                headers["Content-Length"] = str(length)
            return self._counted(request, web.Response(status=order.status, headers=headers), 0)
        if length <= AT_ONCE and not order.chunked:
            octets = body.octets(part.first, part.end)
            return self._counted(
                request, web.Response(status=order.status, headers=headers, body=octets), length
            )
        response = web.StreamResponse(status=order.status, headers=headers)
        if order.chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = length
        await response.prepare(request)
        sent = 0
        try:
            for block in body.blocks(part.first, part.end):
                await response.write(block)
                sent += len(block)
            await response.write_eof()
        except ConnectionError:  # the client left: nobody is told
            pass
        finally:
            self.count.add(request.path, order.status, sent)
        return response

    def _page(self, request: web.BaseRequest, page: Page | None) -> web.StreamResponse:
        if page is None:
            headers = {"Cache-Control": "public, max-age=10"}
            return self._counted(request, web.Response(status=404, headers=headers, text="Not here.\n"), 10)
        etag = entity_tag(page.body.hex())
        headers = {
            "Content-Type": page.media_type,
            **_caching(page.caching, page.tags),
            **_validators(etag, MODIFIED),
        }
        if _not_modified(request, etag, MODIFIED):
            return self._counted(request, web.Response(status=304, headers=headers), 0)
        if request.method == "HEAD":
            headers["Content-Length"] = str(len(page.body))
            return self._counted(request, web.Response(headers=headers), 0)
        return self._counted(request, web.Response(headers=headers, body=page.body), len(page.body))

    def _counted(self, request: web.BaseRequest, response: web.Response, octets: int) -> web.Response:
        self.count.add(request.path, response.status, octets)
        return response


def _json(value: object) -> web.Response:
    return web.Response(
        text=json.dumps(value) + "\n", content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _caching(cache_control: str, tags: tuple[str, ...]) -> dict[str, str]:
    fields = {"Cache-Control": cache_control} if cache_control else {}
    return fields | ({"Surrogate-Key": " ".join(tags)} if tags else {})


def _validators(etag: str | None, modified: float | None) -> dict[str, str]:
    fields = {"ETag": etag} if etag else {}
    return fields | ({"Last-Modified": formatdate(modified, usegmt=True)} if modified is not None else {})


def _not_modified(request: web.BaseRequest, etag: str | None, modified: float | None) -> bool:
    """Whether the request's conditions ask for a 304 (RFC 9110 §13.2.2)."""
    asked = request.headers.getall("If-None-Match", ())
    if asked:
        tags = [tag.strip().removeprefix("W/") for line in asked for tag in line.split(",")]
        return "*" in tags or (etag is not None and etag in tags)
    since = request.headers.get("If-Modified-Since")
    if since is None or modified is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since).timestamp()
    except ValueError:
        return False


@contextlib.asynccontextmanager
async def serving(host: str, port: int) -> AsyncIterator[Origin]:
    """A running origin: yields it, its count open to the caller. Raises OSError when the address is not ours."""
    origin = Origin()
    runner = web.ServerRunner(web.Server(origin.answer, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield origin
    finally:
        await runner.cleanup()


def told_to_stop() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set, from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _run(host: str, port: int) -> None:
    stop = told_to_stop()
    async with serving(host, port):
        click.echo(f"sample origin on http://{host}:{port}/, its count at /_count", err=True)
        await stop.wait()


EXAMPLES = """\b
Examples:
  edgeward origin --listen 127.0.0.1:9000
  curl -i 'http://127.0.0.1:9000/objects/a?size=100000&ttl=60&tag=news'
  curl -i 'http://127.0.0.1:9000/objects/b?status=503&delay=0.5&cache_control=no-store'
  curl http://127.0.0.1:9000/_count
  curl -X POST http://127.0.0.1:9000/_reset

\b
Query of /objects/KEY: size (bytes), ttl (max-age, seconds), delay (seconds), status, tag, type,
etag=0 (none), last_modified (Unix seconds, 0 is none), cache_control (the whole value), chunked=1.

\b
Exit codes: 0 stopped as told, 2 wrong usage or port in use."""


@click.command(epilog=EXAMPLES)
@click.option(
    "--listen", type=AddressParam(), default="127.0.0.1:9000", show_default=True, help="Address to serve on."
)
def origin(listen: tuple[str, int]) -> None:
    """Run the sample origin: objects of any size by URL, a small site, and a counter."""
    host, port = listen
    try:
        uvloop.run(_run(host, port))
    except OSError as error:
        raise Refused(f"--listen: cannot listen on {host}:{port}: {reason(error)}") from error
