"""The public suite of tests for HTTP caches (cache-tests.fyi), played to an edge alone and to an edge over a shield.

`python -m bench.cache_tests FOLDER`, where FOLDER is a checkout of github.com/http-tests/cache-tests with its npm
packages installed. Prints what differs, and exits with 1 where that is not in docs/decisions/0008.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import peers

COOKIE = "Set-Cookie without public or s-maxage is not stored"
RANGE = "a 206 for what we did not ask: five octets called six, without a validator"
DIFFERS = {
    "conditional-lm-fresh-no-lm": "Date serves as Last-Modified, and is later than If-Modified-Since (9111 §4.3.2)",
    "headers-store-Set-Cookie": COOKIE,
    "other-set-cookie": COOKIE,
    "partial-store-partial-reuse-partial": RANGE,
    "partial-store-partial-reuse-partial-byterange": RANGE,
    "partial-store-partial-reuse-partial-absent": RANGE,
    "partial-store-partial-reuse-partial-suffix": RANGE,
    "partial-store-partial-complete": "a part without a strong validator may not be completed (9111 §3.4)",
}
"""Tests that we do not want to pass, and why (docs/decisions/0008)."""

LIST = """
import suites from './tests/index.mjs'
const tests = suites.flatMap(suite => suite.tests.filter(test => !test.browser_only))
console.log(JSON.stringify(tests.map(test => [test.id, test.kind || 'required', test.name])))
"""


def node_js(suite: Path, *arguments: str, **settings: str) -> str:
    """What a script of the suite prints. npm's way of giving it settings is the environment."""
    config = {"protocol": "http", "port": "8000", "base": "", "id": "", "pidfile": os.devnull, **settings}
    environment = os.environ | {f"npm_package_config_{name}": value for name, value in config.items()}
    command = ["node", "--no-warnings", *arguments]
    return subprocess.run(
        command, cwd=suite, env=environment, check=True, capture_output=True, text=True
    ).stdout


@contextlib.contextmanager
def origin(suite: Path, folder: Path) -> Iterator[int]:
    """The suite's own server; its port."""
    port = peers.free_port()
    settings = f"npm_package_config_protocol=http npm_package_config_port={port}"
    command = ["env", *settings.split(), f"npm_package_config_pidfile={folder / 'origin.pid'}"]
    command += ["sh", "-c", f"cd '{suite}' && exec node --no-warnings test-engine/server/server.mjs"]
    with peers.process(command, "0-1", f"http://localhost:{port}/", folder, "suite"):
        yield port


@contextlib.contextmanager
def node(folder: Path, tier: str, next_hop: str) -> Iterator[int]:
    """An edge or a shield; its port."""
    port = peers.free_port()
    name = f"{tier}-{port}"
    command = [sys.executable, "-m", "edgeward", tier, "--listen", f"127.0.0.1:{port}", *next_hop.split()]
    command += ["--data", str(folder / name)]
    with peers.process(command, "0-1", f"http://127.0.0.1:{port + 1000}/readyz", folder, name):
        yield port


def differences(results: dict[str, object], tests: list[list[str]]) -> dict[str, str]:
    """Required and optimal tests that did not pass, with what the suite says of each."""
    asked = {test: kind for test, kind, _ in tests if kind != "check"}
    return {test: json.dumps(results.get(test)) for test in asked if results.get(test) is not True}


def main() -> int:
    """The exit code: 1 when something differs that should not, 2 when the suite or node is missing."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    suite = Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else Path()
    if not (suite / "test-engine/cli.mjs").exists() or shutil.which("node") is None:
        console.print("give the folder of a checkout of http-tests/cache-tests; node has to be installed")
        return 2
    tests = json.loads(node_js(suite, "--input-type=module", "--eval", LIST))
    with tempfile.TemporaryDirectory(prefix="edgeward-suite-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        to_origin = f"--origin http://localhost:{stack.enter_context(origin(suite, folder))}"
        shield = stack.enter_context(node(folder, "shield", to_origin))
        ports = {
            "edge": stack.enter_context(node(folder, "edge", to_origin)),
            "edge and shield": stack.enter_context(
                node(folder, "edge", f"--shield http://127.0.0.1:{shield}")
            ),
        }
        results = {
            shape: json.loads(node_js(suite, "test-engine/cli.mjs", base=f"http://127.0.0.1:{port}"))
            for shape, port in ports.items()
        }
    return _print(console, tests, results)


def _print(console: Console, tests: list[list[str]], results: dict[str, dict[str, object]]) -> int:
    totals = Counter(kind for _, kind, _ in tests)
    table = Table("", *(f"{kind} ({totals[kind]})" for kind in ("required", "optimal", "check")))
    for shape, told in results.items():
        passed = Counter(kind for test, kind, _ in tests if told.get(test) is True)
        table.add_row(shape, *(str(passed[kind]) for kind in ("required", "optimal", "check")))
    console.print(table)
    unexpected = False
    for shape, told in results.items():
        for test, said in differences(told, tests).items():
            unexpected = unexpected or test not in DIFFERS
            console.print(f"{shape}: {test}: {DIFFERS.get(test, f'NOT EXPECTED: {said}')}", markup=False)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
