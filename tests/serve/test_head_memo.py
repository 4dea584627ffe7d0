"""The memo of heads: bounded, and it keeps what is used."""

from __future__ import annotations

import pytest

from httpcache.serve.hot_path import COST
from tests.scenarios.forms import FORMS


@pytest.fixture(params=FORMS)
def form(request):
    """hot_path.py in one of its forms."""
    return request.param


def known(form):
    """What was read of some head."""
    return form.KnownHead("GET", "http://a/", "http://a/", None, None)


def test_a_head_is_found_by_its_octets_alone(form):
    memo, one = form.HeadMemo(2**20), known(form)
    memo.put(b"GET / HTTP/1.1\r\n\r\n", one)
    assert memo.get(b"GET / HTTP/1.1\r\n\r\n") is one
    assert memo.get(b"GET / HTTP/1.1\r\n\r\n ") is None


def test_it_stays_within_its_budget_and_keeps_what_is_asked_for(form):
    budget, one = 100 * (COST + 10), known(form)
    memo = form.HeadMemo(budget)
    memo.put(b"%010d" % 0, one)
    for number in range(1, 1000):
        memo.put(b"%010d" % number, known(form))
        assert memo.get(b"%010d" % 0) is one
        assert len(memo) * (COST + 10) <= budget + 2 * (COST + 10)
    assert memo.get(b"%010d" % 500) is None


def test_without_a_budget_nothing_is_kept_for_long(form):
    memo = form.HeadMemo(0)
    for number in range(10):
        memo.put(b"%d" % number, known(form))
    assert len(memo) <= 1
