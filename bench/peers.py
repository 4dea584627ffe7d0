"""The servers that are compared: each started on loopback in a folder of its own, pinned to one core, and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from pathlib import Path

SERVER_CORE, LOAD_CORE = "0", "1"

NGINX = """
daemon off; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
http {{
  access_log {folder}/access.log; proxy_temp_path {folder}/tmp; client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=hot:64m max_size=10g inactive=1h use_temp_path=off;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache hot; proxy_cache_lock on; proxy_cache_use_stale updating; add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""

VARNISH = 'vcl 4.1;\nbackend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}\n'


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return port if port < 64000 else free_port()


PACKAGES = {"nginx": "nginx-light", "varnishd": "varnish", "wrk": "wrk", "taskset": "util-linux"}
"""Programs, and the Debian packages that have them."""


def missing_programs(programs: Collection[str] = tuple(PACKAGES)) -> list[str]:
    """Those of the programs that have to be installed first, by their Debian packages."""
    return [
        package
        for program, package in PACKAGES.items()
        if program in programs and shutil.which(program, path=_path()) is None
    ]


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


_SERVERS: dict[int, list[int]] = {}
"""Processes by port of those servers whose cost is measured."""


def serves(port: int, *running: subprocess.Popen[bytes]) -> None:
    """Note which processes, with their children, serve a port: a server, and what it asks on the same core."""
    _SERVERS[port] = [one.pid for one in running]


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def cpu_seconds(port: int) -> float:
    """Seconds that the processes which serve a port have spent on a core so far; 0 when nobody noted which."""
    ticks = 0
    for pid in (each for one in _SERVERS.get(port, ()) for each in _family(one)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(port: int) -> int:
    """Bytes of memory that the processes which serve a port have to themselves."""
    octets = 0
    for pid in (each for one in _SERVERS[port] for each in _family(one)):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        octets += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
    return octets


@contextlib.contextmanager
def process(
    command: list[str], core: str, url: str, folder: Path, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on one core until the block ends; ready when `url` answers."""
    environment = {**os.environ, "PATH": _path()}
    with (folder / f"{name}.out").open("wb") as out:
        running = subprocess.Popen(
            ["taskset", "-c", core, *command],
            stdout=out,
            stderr=out,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        try:
            _wait_for(url, running, folder / f"{name}.out")
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()


def _wait_for(url: str, running: subprocess.Popen[bytes], out: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise RuntimeError(f"{running.args} ended at once:\n{out.read_text(errors='replace')[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer in 30 s:\n{out.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def origin(folder: Path) -> Iterator[int]:
    """The sample origin; its port."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "edgeward", "origin", "--listen", f"127.0.0.1:{port}"]
    with process(command, LOAD_CORE, f"http://127.0.0.1:{port}/_count", folder, "origin"):
        yield port


@contextlib.contextmanager
def nginx(folder: Path, origin_port: int, *, workers: int = 1, core: str = SERVER_CORE) -> Iterator[int]:
    """NGINX with proxy_cache; its port."""
    port, own = free_port(), folder / "nginx"
    own.mkdir()
    own.chmod(0o777)
    text = NGINX.format(folder=own, port=port, origin=origin_port, workers=workers)
    (own / "nginx.conf").write_text(text)
    command = ["nginx", "-p", str(own), "-e", str(own / "error.log"), "-c", str(own / "nginx.conf")]
    with process(command, core, f"http://127.0.0.1:{port}/", folder, "nginx-peer") as running:
        serves(port, running)
        yield port


@contextlib.contextmanager
def varnish(folder: Path, origin_port: int) -> Iterator[int]:
    """Varnish with its store in RAM, and varnishncsa writing the access log; its port."""
    port, own = free_port(), folder / "varnish"
    own.mkdir()
    vcl = own / "default.vcl"
    vcl.write_text(VARNISH.format(origin=origin_port))
    command = [
        "varnishd",
        "-F",
        "-n",
        str(own / "work"),
        "-a",
        f"127.0.0.1:{port}",
        "-f",
        str(vcl),
        "-s",
        "malloc,512m",
    ]
    url = f"http://127.0.0.1:{port}/"
    log = ["varnishncsa", "-n", str(own / "work"), "-w", str(own / "access.log")]
    with (
        process(command, SERVER_CORE, url, folder, "varnish-peer") as running,
        process(log, SERVER_CORE, url, folder, "ncsa") as logging,
    ):
        serves(port, running, logging)
        yield port


@contextlib.contextmanager
def edgeward(
    folder: Path, origin_port: int, workers: int = 1, *, settings: str = "", core: str = SERVER_CORE
) -> Iterator[int]:
    """One edge in front of the origin, with more `settings` (TOML) where given; its port."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    config = folder / "edge.toml"
    config.write_text(settings)
    listen, origin = f"127.0.0.1:{port}", f"http://127.0.0.1:{origin_port}"
    command = [sys.executable, "-P", "-m", "edgeward", "edge", "--config", str(config), "--listen", listen]
    command += ["--workers", str(workers), "--origin", origin, "--data", str(folder / "edge")]
    command += ["--access-log", str(folder / "edge-access.log")]
    with process(command, core, f"http://127.0.0.1:{port + 1000}/readyz", folder, "edge-peer") as running:
        serves(port, running)
        yield port
