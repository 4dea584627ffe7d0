"""Proxy-Status (RFC 9209): what an answer says of the next hop that failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.rules.proxy_status import ProxyError, add_proxy_status, recommended_status, render
from httpcache.rules.structured import parse_names
from tests.rules.things import lines

MEMBERS = [
    (
        "the error and a few words",
        ("n", "connection_refused", "no connection"),
        'n;error=connection_refused;details="no connection"',
    ),
    ("the error alone", ("n", "dns_error", ""), "n;error=dns_error"),
    ("a name that is no Token is a String", ("1st", "dns_error", ""), '"1st";error=dns_error'),
    ("words that no String may hold", ("n", "dns_error", 'é\n"'), 'n;error=dns_error;details="??\\""'),
    ("an error that nobody has registered", ("n", "no such!", ""), "n;error=proxy_internal_error"),
]


@pytest.mark.requirement("9209§2 member-is-token-or-string")
@pytest.mark.parametrize(("said", "member"), [c[1:] for c in MEMBERS], ids=[c[0] for c in MEMBERS])
def test_a_member_names_the_error(said, member):
    assert render(*said) == member


CHAINS = [
    ("nothing came", {}, ("e;error=dns_error",)),
    (
        "the member of the next hop stays before ours",
        {"Proxy-Status": "shield;error=dns_timeout"},
        ("shield;error=dns_timeout", "e;error=dns_error"),
    ),
    ("what is no List is dropped", {"Proxy-Status": '"broken'}, ("e;error=dns_error",)),
    ("a member that is no name is dropped", {"Proxy-Status": "(a b)"}, ("e;error=dns_error",)),
    ("an empty field is dropped", {"Proxy-Status": ""}, ("e;error=dns_error",)),
]


@pytest.mark.requirement("9209§2 members-of-others-preserved")
@pytest.mark.parametrize(("came", "values"), [c[1:] for c in CHAINS], ids=[c[0] for c in CHAINS])
def test_members_stand_in_the_order_of_the_hops(came, values):
    fields = add_proxy_status(Fields(came.items()), "e", "dns_error")
    assert fields.all("proxy-status") == values


STATUSES = [
    ("nobody listens", "connection_refused", 502),
    ("no connection in time", "connection_timeout", 504),
    ("no response in time", "http_response_timeout", 504),
    ("broken off", "http_response_incomplete", 502),
    ("too many connections", "connection_limit_reached", 503),
    ("a loop", "proxy_loop_detected", 502),
    ("ours", "proxy_internal_error", 500),
]


@pytest.mark.requirement("9209§2.1.1 recommended-status")
@pytest.mark.parametrize(("error", "status"), [c[1:] for c in STATUSES], ids=[c[0] for c in STATUSES])
def test_recommended_status(error, status):
    assert recommended_status(ProxyError(error)) == status


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_gives_a_valid_field(came, node, error, detail):
    fields = add_proxy_status(lines(Proxy_Status=came), node, error, detail)
    members = parse_names(", ".join(fields.all("proxy-status")))
    assert members
    assert len(fields.all("proxy-status")) in (1, 2)
