"""A short purge campaign for each place of the log in every test run; `--purge-campaign-seconds 600` for long ones."""

from __future__ import annotations

import random

import pytest

from tests.campaign.purge_campaign import ACKNOWLEDGED, FAULTS, PurgeCampaign
from tests.purge.nats_server import needs_nats


@pytest.mark.slow
@pytest.mark.parametrize(
    "on_nats", [False, pytest.param(True, marks=needs_nats)], ids=["at a shield", "on NATS"]
)
async def test_no_client_gets_what_an_order_covers_whatever_is_killed_and_cut(
    tmp_path, pytestconfig, on_nats
):
    seconds = pytestconfig.getoption("--purge-campaign-seconds")
    seed = pytestconfig.getoption("--campaign-seed") or random.randrange(10**6)
    came = await PurgeCampaign(tmp_path, seed, on_nats=on_nats).run(seconds)
    told = "\n".join(came.lines())
    print(told)
    assert not came.violations, told
    assert came.checked > 20, told  # a busy machine is no fault
    assert came.acknowledged >= ACKNOWLEDGED and len(came.faults) >= FAULTS, told
