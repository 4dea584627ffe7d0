"""A short campaign in every test run; `--campaign-seconds 600` for a long one, `make campaign` for one that prints."""

from __future__ import annotations

import random

import pytest

from tests.campaign.campaign import FAULT_KINDS, Campaign


@pytest.mark.slow
async def test_whatever_fails_every_answer_is_one_that_the_origin_gave_and_not_too_old(
    tmp_path, pytestconfig
):
    seconds = pytestconfig.getoption("--campaign-seconds")
    seed = pytestconfig.getoption("--campaign-seed") or random.randrange(10**6)
    result = await Campaign(tmp_path, seed).run(seconds)
    told = "\n".join(result.lines())
    assert not result.tally.violations, told
    assert not result.unanswered, told
    assert not result.traces, told
    assert result.tally.outcomes["200"] > seconds, told
    assert len(result.faults) >= FAULT_KINDS, told
    assert result.purges and result.versions, told
