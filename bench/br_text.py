"""Hits answered in brotli from a text of 30 KiB, beside NGINX: as a cache, with files coded beforehand, on the fly."""

from __future__ import annotations

import contextlib
import random
import re
import string
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import brotli

from bench import pairs, peers
from bench.heads import HEADS
from bench.load import Results, alternate, wrk

CACHE = "nginx, cached"
"""NGINX as a cache in front of an origin that sends texts coded: the same job as ours, but for the coding."""

OBJECTS, SIZE = 200, 30 * 2**10
MODULES = Path("/usr/lib/nginx/modules")

NGINX = """
load_module {modules}/ngx_http_brotli_filter_module.so;
load_module {modules}/ngx_http_brotli_static_module.so;
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type text/html; open_file_cache max=30000;
  server {{
    listen 127.0.0.1:{port} backlog=2048; root {files}; add_header Cache-Control "public, max-age=86400";
    {coding}
  }}
}}
"""

LUA = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/" .. (n * 7919 % {objects}) .. ".html")
end
"""


def missing_modules() -> list[str]:
    """The Debian packages of NGINX's modules that have to be installed first."""
    names = ("filter", "static")
    return [
        f"libnginx-mod-http-brotli-{name}"
        for name in names
        if not (MODULES / f"ngx_http_brotli_{name}_module.so").exists()
    ]


def make_files(folder: Path) -> None:
    """Texts that code about as well as pages do, and their coded forms beside them."""
    chance = random.Random(7)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(3000)]
    for number in range(OBJECTS):
        text = " ".join(f"<p class={word}>{word}</p>" for word in chance.choices(words, k=2000)).encode()[
            :SIZE
        ]
        (folder / f"{number}.html").write_bytes(text)
        (folder / f"{number}.html.br").write_bytes(brotli.compress(text, quality=11))


@contextlib.contextmanager
def _nginx(folder: Path, files: Path, name: str, coding: str) -> Iterator[int]:
    port, own = peers.free_port(), folder / name
    own.mkdir()
    own.chmod(0o777)
    text = NGINX.format(folder=own, port=port, files=files, coding=coding, modules=MODULES)
    (own / "nginx.conf").write_text(text)
    command = ["nginx", "-p", str(own), "-e", str(own / "error.log"), "-c", str(own / "nginx.conf")]
    with peers.process(command, peers.SERVER_CORE, f"http://127.0.0.1:{port}/", folder, name) as running:
        peers.serves(port, running)
        yield port


def _settle(port: int, script: Path, connections: int) -> None:
    """Ask until each form has been made, and made anew in a better quality. Raises RuntimeError after two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        wrk(port, script, 2, connections)
        time.sleep(2)  # the process that codes gives way to the worker
        with urllib.request.urlopen(f"http://127.0.0.1:{port + 1000}/metrics", timeout=10) as answer:
            made = re.search(rb'edgeward_coded_total\{coding="br"\} (\S+)', answer.read())
        if made is not None and float(made[1]) >= 2 * OBJECTS:
            return
    raise RuntimeError("not all forms were made in two minutes")


def run(folder: Path, *, rounds: int = 5, seconds: int = 4, connections: int = 64) -> Results:
    """200 texts; every answer is in brotli."""
    files = pairs.origin_folder(folder)
    make_files(files)
    script = folder / "br.lua"
    script.write_text(LUA.format(objects=OBJECTS) + HEADS)
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(pairs.origin(folder))
        coded = stack.enter_context(_nginx(folder, files, "coded-before", "brotli_static on;"))
        ports = {
            "edgeward": stack.enter_context(peers.edgeward(folder, origin)),
            "nginx": coded,
            CACHE: stack.enter_context(peers.nginx(folder, coded)),
            "nginx on the fly": stack.enter_context(
                _nginx(folder, files, "on-the-fly", "brotli on; brotli_comp_level 5; brotli_types *;")
            ),
        }
        _settle(ports["edgeward"], script, connections)
        return alternate(ports, script, rounds=rounds, seconds=seconds, connections=connections)
