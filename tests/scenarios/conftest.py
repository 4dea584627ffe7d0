"""Worlds for plays: one with a shield and one without, each play runs in both unless it asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.scenarios.world import World


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def world(request, tmp_path) -> AsyncIterator[World]:
    """One edge, with and without a shield."""
    async with World(tmp_path, tiers=request.param) as made:
        yield made


@pytest.fixture
def worlds(tmp_path) -> Callable[..., AbstractAsyncContextManager[World]]:
    """Makes a world of any shape."""
    return lambda **shape: World(tmp_path, **shape)
