"""Twenty requests where the RFCs are subtle: what Varnish, NGINX, Traffic Server and Edgeward do with the same answers.

`python -m bench.subtle` plays bench/subtle_rows.py to each and prints the table of docs/decisions/0006.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench import peers
from bench.subtle_rows import ROWS, Answer, Ask, Asked, Row, Said

PACKAGES = {"nginx": "nginx-light", "varnishd": "varnish", "traffic_server": "trafficserver"}
SETTLES = 0.15
"""Seconds after an answer in which a refresh behind it reaches the origin."""

RUN_ROOT = """
prefix: {folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
sysconfdir: {folder}/etc
datadir: {folder}/cache
localstatedir: {folder}/run
runtimedir: {folder}/run
logdir: {folder}/log
cachedir: {folder}/cache
"""


class Origin(http.server.ThreadingHTTPServer):
    """Says what the row that is played has it say, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rows: dict[str, Row] = {}
        self.asked: dict[str, list[Asked]] = defaultdict(list)
        """By path: what came, in order."""

    def answer(self, asked: Asked) -> Said:
        """The row's answer to a request for /PEER/ROW/REST."""
        self.asked[asked.path].append(asked)
        _, peer, name, *_ = [*asked.path.split("/"), "", ""]
        row = self.rows.get(f"{peer}/{name}")
        said = (
            row.origin(asked, len(self.asked[asked.path]))
            if row
            else Said(404, {"Cache-Control": "no-store"})
        )
        asked.is_validation = said.status == 304
        return said


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def __getattr__(self, name: str):
        if name.startswith("do_"):  # any method is answered
            return self._any
        raise AttributeError(name)

    def _any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fields = {name.lower(): value for name, value in self.headers.items()}
        said = self.server.answer(Asked(self.command, self.path, fields))
        self.send_response_only(said.status)
        self.send_header("Date", self.date_time_string())
        for name, value in said.fields.items():
            self.send_header(name, value)
        if said.status != 304 and "Content-Length" not in said.fields:
            self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        if self.command != "HEAD" and said.status != 304:
            self.wfile.write(said.body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextlib.contextmanager
def trafficserver(folder: Path, origin_port: int) -> Iterator[int]:
    """Apache Traffic Server with its package's configuration, as a reverse proxy of the origin; its port."""
    port, own = peers.free_port(), folder / "trafficserver"
    for name in ("run", "log", "cache"):
        (own / name).mkdir(parents=True)
    shutil.copytree("/etc/trafficserver", own / "etc")
    (own / "runroot.yaml").write_text(RUN_ROOT.format(folder=own))
    (own / "etc/remap.config").write_text(f"map / http://127.0.0.1:{origin_port}/\n")
    (own / "etc/storage.config").write_text(f"{own}/cache 64M\n")
    ours = {
        "proxy.config.http.server_ports": f"STRING {port}:ip-in=127.0.0.1",
        "proxy.config.admin.user_id": "STRING #-1",
    }
    records = own / "etc/records.config"
    shipped = [line for line in records.read_text().splitlines() if not any(name in line for name in ours)]
    records.write_text(
        "\n".join([*shipped, *(f"CONFIG {name} {value}" for name, value in ours.items())]) + "\n"
    )
    command = ["traffic_server", f"--run-root={own}/runroot.yaml"]
    with peers.process(command, peers.SERVER_CORE, f"http://127.0.0.1:{port}/", folder, "trafficserver-peer"):
        yield port


@contextlib.contextmanager
def serving() -> Iterator[Origin]:
    """A running origin."""
    origin = Origin()
    thread = threading.Thread(target=origin.serve_forever, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        origin.shutdown()
        origin.server_close()


def play(row: Row, peer: str, port: int, origin: Origin) -> str:
    """Ask one peer all that a row asks; what the row has to say of it."""
    prefix = f"/{peer}/{row.name}"
    origin.rows[f"{peer}/{row.name}"] = row
    answers: list[Answer] = []
    for ask in row.asks:
        time.sleep(ask.wait)
        answers.append(_ask(ask, port, prefix, origin))
    return row.tell(answers)


def _ask(ask: Ask, port: int, prefix: str, origin: Origin) -> Answer:
    path = prefix + ask.path
    before = len(origin.asked[path])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(ask.method, path, headers={"Host": "site.example", **ask.fields})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, type(error).__name__.encode(), [])
    finally:
        connection.close()
    time.sleep(SETTLES)
    fields = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, fields, body, origin.asked[path][before:])


def main() -> int:
    """The exit code: 2 when programs are missing."""
    console = Console(width=None if sys.stdout.isatty() else 400)
    path = "/usr/sbin:/usr/bin:/usr/local/bin"
    if missing := [package for name, package in PACKAGES.items() if shutil.which(name, path=path) is None]:
        console.print(f"install these Debian packages first: apt-get install {' '.join(missing)}")
        return 2
    starts = {
        "Varnish": peers.varnish,
        "NGINX": peers.nginx,
        "Traffic Server": trafficserver,
        "Edgeward": peers.edgeward,
    }
    table = Table("", "origin says; client asks", "RFC", *starts, box=MARKDOWN)
    with tempfile.TemporaryDirectory(prefix="edgeward-subtle-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        origin = stack.enter_context(serving())
        ports = {
            peer: stack.enter_context(start(folder, origin.server_port)) for peer, start in starts.items()
        }
        for number, row in enumerate(ROWS, 1):
            cells = [play(row, peer.split()[0].lower(), port, origin) for peer, port in ports.items()]
            table.add_row(str(number), row.what, row.section, *cells)
    console.print(table, markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
