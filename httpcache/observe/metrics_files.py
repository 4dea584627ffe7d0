"""The files in which a worker counts: their blocks are reserved, for writing into a hole on a full disk kills."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from prometheus_client import values

log = logging.getLogger(__name__)

KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemin", "gauge_livemax")
"""The files of one process, by the kinds of metrics there are."""

SIZE = 512 * 2**10
"""Size of each file, in bytes: more than all names and labels come to, so that none ever grows."""


def reserve() -> None:
    """Make this process's files, where the supervisor has named a folder for them (PROMETHEUS_MULTIPROC_DIR).

    To be called before the first metric is made. Where there is no room, this process counts for itself alone:
    what it counts is missing in the sums, and clients are served.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return
    paths = [Path(folder) / f"{kind}_{os.getpid()}.db" for kind in KINDS]
    try:
        for path in paths:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, SIZE)
            finally:
                os.close(descriptor)
    except OSError as error:
        log.warning("metrics: what this worker counts is not told: %s", error)
        for path in paths:
            path.unlink(missing_ok=True)
        values.ValueClass = values.MutexValue
