"""Settings of the test run; fixtures live beside the tests that use them."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("edgeward", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("edgeward")


def pytest_addoption(parser):
    """How long the fault campaign goes on, and what it is drawn from."""
    parser.addoption("--campaign-seconds", type=float, default=15, help="seconds of faults (15)")
    parser.addoption(
        "--purge-campaign-seconds", type=float, default=8, help="seconds of each purge campaign (8)"
    )
    parser.addoption("--campaign-seed", type=int, default=0, help="seed of the campaign (another each time)")


def pytest_collection_modifyitems(config, items):
    """Give a campaign the time that it was asked for, beside that of its starts, of its longest faults and its end."""
    longest = max(config.getoption("--campaign-seconds"), config.getoption("--purge-campaign-seconds"))
    for item in items:
        if item.path.parent.name == "campaign":
            item.add_marker(pytest.mark.timeout(longest + 400))
