"""`python -m tests.campaign --seconds 600 --seed 7`: a campaign of any length; its exit code tells."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.campaign.campaign import Campaign
from tests.campaign.cluster import DISK
from tests.campaign.purge_campaign import PurgeCampaign


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long faults go on (60)")
    parser.add_argument(
        "--seed", type=int, default=1, help="what the faults, versions and clients are drawn from (1)"
    )
    parser.add_argument("--clients", type=int, default=12, help="clients at work at any time (12)")
    parser.add_argument(
        "--purge", action="store_true", help="orders, restarts and cuts alone, with several shields"
    )
    parser.add_argument("--nats", action="store_true", help="with --purge: the log lives on a NATS server")
    parser.add_argument("--folder", type=Path, help="where data and logs go; kept (a temporary one, removed)")
    parser.add_argument(
        "--mount", metavar="SIZE", help="put all data on a tmpfs of that size, as 80m; for root"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="campaign-") as temporary, contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(temporary)
        disk = folder / DISK
        disk.mkdir(parents=True, exist_ok=True)
        if arguments.mount:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={arguments.mount}", "tmpfs", str(disk)]
            subprocess.run(mount, check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=False)
        if arguments.purge:
            return _purge(folder, arguments)
        campaign = Campaign(folder, arguments.seed, clients=arguments.clients)
        result = asyncio.run(campaign.run(arguments.seconds))
    print("\n".join(result.lines()))
    return 1 if result.tally.violations or result.unanswered or result.traces else 0


def _purge(folder: Path, arguments: argparse.Namespace) -> int:
    campaign = PurgeCampaign(folder, arguments.seed, on_nats=arguments.nats, clients=arguments.clients)
    came = asyncio.run(campaign.run(arguments.seconds))
    print("\n".join(came.lines()))
    return 1 if came.violations else 0


if __name__ == "__main__":
    sys.exit(main())
