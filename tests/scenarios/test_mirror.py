"""A static site of another server, mirrored through an edge: the same octets, and hits the second time."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.scenarios.ports import free_port

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain",
}
FILES = 520


def build_site(folder: Path) -> None:
    """Files of several types in several folders, all linked, last changed a month ago."""
    chance = random.Random(7)
    names = [f"{'abcde'[index % 5]}/file{index}{list(KINDS)[index % len(KINDS)]}" for index in range(FILES)]
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice([0, 10, 900, 5_000, 60_000])) + f"{index}".encode())
    links = "".join(f'<a href="/{name}">{name}</a>\n' for name in names)
    (folder / "index.html").write_text(f"<!doctype html><title>site</title>\n{links}")
    month_ago = os.stat(folder).st_mtime - 30 * 86400
    for path in folder.rglob("*"):
        os.utime(path, (month_ago, month_ago))


@pytest.mark.slow
async def test_a_mirror_is_byte_identical_twice_and_all_hits_the_second_time(worlds, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    build_site(site)
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(site),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await listens(port)
        async with worlds(origins={"site.example": f"http://127.0.0.1:{port}"}) as world:
            for hits in (False, True):
                index = await world.get("/")
                targets = re.findall(r'href="([^"]+)"', index.body.decode())
                assert len(targets) == FILES
                for target in targets:
                    got = await world.get(target)
                    assert got.status == 200
                    assert got.body == (site / target[1:]).read_bytes(), target
                    assert (";hit" in got.cache_status[-1]) is hits, (target, got.cache_status)
    finally:
        server.terminate()
        await server.wait()


NGINX, WGET = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin"), shutil.which("wget")

CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  log_format asked "$request_method $request_uri"; access_log {folder}/access.log asked;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ {types} }}
  server {{ listen 127.0.0.1:{port}; root {site}; }}
}}
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not (NGINX and WGET), reason="wget or NGINX is not installed: apt-get install wget nginx-light"
)
async def test_wget_mirrors_a_site_of_nginx_twice_and_nginx_is_asked_once(worlds, tmp_path):
    site, folder = tmp_path / "site", tmp_path / "nginx"
    for made in (site, folder):
        made.mkdir()
    build_site(site)
    port = free_port()
    types = "".join(f"{kind} {suffix[1:]};" for suffix, kind in KINDS.items())
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, site=site, port=port, types=types))
    command = (NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"))
    server = await asyncio.create_subprocess_exec(*command)
    try:
        await listens(port)
        async with worlds(origins={"site.example": f"http://127.0.0.1:{port}"}) as world:
            for mirror in ("first", "second"):
                wget = await asyncio.create_subprocess_exec(
                    WGET, "--mirror", "--no-host-directories", "--quiet", "--no-proxy", "--tries=1",
                    "--execute=robots=off", "--header=Host: site.example",
                    f"--directory-prefix={tmp_path / mirror}", f"{world.edges[0].url}/",
                )  # fmt: skip
                async with asyncio.timeout(60):
                    assert await wget.wait() == 0
                assert files(tmp_path / mirror) == files(site)
                asked = (folder / "access.log").read_text().splitlines()
                assert len(asked) == len(set(asked)) == FILES + 1
    finally:
        server.terminate()
        await server.wait()


def files(folder: Path) -> dict[str, bytes]:
    """What is in a folder and below it, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def listens(port: int) -> None:
    """Wait until something listens on `port`."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
