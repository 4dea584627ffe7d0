"""Edge and shield together: Edgeward's two tiers and NGINX in front of NGINX, both tiers on one core, one origin."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.peers import LOAD_CORE, SERVER_CORE, free_port, process, serves

ORIGIN = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=10000;
  types {{ application/octet-stream bin; }} default_type text/html;
  server {{
    listen 127.0.0.1:{port} backlog=2048; root {folder}/files; add_header Cache-Control "public, max-age=86400";
    location /cold/ {{ return 200 "{kib}"; }}
  }}
}}
"""

TIERS = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
http {{
  log_format told '$remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" '
    '$request_time $upstream_cache_status';
  access_log {folder}/access.log told; client_body_temp_path {folder}/body; proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=kept:{keys} max_size={store} inactive=1h use_temp_path=off;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  upstream next {{ server 127.0.0.1:{next}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_cache kept; proxy_cache_lock on; proxy_cache_use_stale updating; add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""


@contextlib.contextmanager
def _nginx(
    own: Path, text: str, core: str, **values: object
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    own.mkdir(exist_ok=True)
    own.chmod(0o777)
    (own / "nginx.conf").write_text(text.format(folder=own, port=port, **values))
    command = ["nginx", "-p", str(own), "-e", str(own / "error.log"), "-c", str(own / "nginx.conf")]
    with process(command, core, f"http://127.0.0.1:{port}/", own, own.name) as running:
        yield port, running


def origin_folder(folder: Path) -> Path:
    """Where the files of the origin stand; to be filled before it starts."""
    files = folder / "origin" / "files"
    files.mkdir(parents=True, exist_ok=True)
    for one in (files.parent, files):
        one.chmod(0o755)
    return files


@contextlib.contextmanager
def origin(folder: Path) -> Iterator[int]:
    """NGINX as the origin: the files of `origin_folder`, and 1 KiB for any URL below /cold/. On the load's core."""
    origin_folder(folder)
    with _nginx(folder / "origin", ORIGIN, LOAD_CORE, kib="0123456789abcdef" * 64) as (port, _):
        yield port


@contextlib.contextmanager
def nginx_pair(
    folder: Path, origin_port: int, edge_store: str = "10g", keys: str = "64m", name: str = "nginx"
) -> Iterator[int]:
    """NGINX's proxy_cache in front of another's; the edge's port.

    `edge_store` and `keys`, the room for the keys of what is there, are the edge's, as NGINX writes sizes.

    The last word of a line in its access log is what its cache made of the request.
    """
    with (
        _nginx(folder / f"{name}-shield", TIERS, SERVER_CORE, next=origin_port, store="10g", keys="64m") as (
            shield,
            one,
        ),
        _nginx(folder / f"{name}-edge", TIERS, SERVER_CORE, next=shield, store=edge_store, keys=keys) as (
            edge,
            other,
        ),
    ):
        serves(edge, one, other)
        yield edge


@contextlib.contextmanager
def edgeward_pair(folder: Path, origin_port: int, *stores: str) -> Iterator[int]:
    """One edge and one shield of ours; the edge's port. `stores` are further flags of the edge."""
    shield, edge = free_port(), free_port()
    command = [sys.executable, "-P", "-m", "edgeward"]
    both = []
    with contextlib.ExitStack() as stack:
        for tier, port, flags in (
            ("shield", shield, ["--origin", f"http://127.0.0.1:{origin_port}"]),
            ("edge", edge, ["--shield", f"http://127.0.0.1:{shield}", *stores]),
        ):
            own = [tier, "--listen", f"127.0.0.1:{port}", "--data", str(folder / f"our-{tier}")]
            log = ["--access-log", str(folder / f"our-{tier}.log")]
            ready = f"http://127.0.0.1:{port + 1000}/readyz"
            running = process([*command, *own, *flags, *log], SERVER_CORE, ready, folder, f"our-{tier}")
            both.append(stack.enter_context(running))
        serves(edge, *both)
        yield edge
