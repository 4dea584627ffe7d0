"""A keeper with its own worker, and edges that follow it."""

from __future__ import annotations

import pytest

from tests.purge.nodes import Admin, follower


@pytest.fixture
async def admin(tmp_path):
    """A node that keeps the log; its one worker follows."""
    made = await Admin(tmp_path / "keeper", purge={"heartbeat": 0.2}).start()
    own = follower(made, made.folder, "keeper")
    await own.start()
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
