"""A keeper with its own worker, and edges that follow it."""

from __future__ import annotations

import pytest

from httpcache.purge.keys import load_private_key
from tests.purge.nodes import Admin, follower


@pytest.fixture
async def admin(tmp_path):
    """A node that keeps the log; its one worker follows."""
    made = await Admin(tmp_path / "keeper", purge={"heartbeat": 0.2}).start()
    own = follower(made, made.folder, "keeper")
    await own.start()
    made.own = own
    yield made
    await own.close()
    await made.stop()


@pytest.fixture
async def edge(admin, tmp_path):
    """A worker of an edge that follows."""
    made = follower(admin, tmp_path / "edge-1", "edge-1")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def key(admin):
    """The operator's key, which the keeper made at its start."""
    return load_private_key(admin.folder / "keys" / "operator.key")


@pytest.fixture
async def relay(admin, tmp_path):
    """The admin listener of an edge, which does not keep the log."""
    made = await Admin(
        tmp_path / "edge-1", keeps_log=False, name="edge-1", purge={"log_at": admin.url, "heartbeat": 0.2}
    ).start()
    yield made
    await made.stop()
