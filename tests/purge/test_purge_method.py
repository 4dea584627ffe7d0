"""PURGE on the admin listener, for those who come from Varnish or Squid: an order for one URL, signed as one."""

from __future__ import annotations

import pytest

from httpcache.purge.orders import url_order
from tests.purge.asking import ask, signed

URL = "http://www.example.com/a?b=%20c"


@pytest.fixture(params=["the keeper", "an edge"])
def listener(request, admin, relay, edge):
    return admin if request.param == "the keeper" else relay


async def test_purge_orders_the_url_of_its_target_and_host(listener, admin, key):
    status, receipt = await ask(
        "PURGE",
        f"{listener.url}/a?b=%20c",
        signed(key, url_order(URL, soft=False)),
        Host="www.example.com",
    )
    assert status in (200, 202)
    assert receipt["order"] == {"kind": "url", "targets": [URL], "soft": False}


async def test_purge_may_be_soft_which_is_signed_too(listener, admin, key):
    fields = {"Host": "www.example.com", "Edgeward-Purge": "soft"}
    hard = signed(key, url_order(URL, soft=False))
    assert (await ask("PURGE", f"{listener.url}/a?b=%20c", hard, **fields))[1]["error"] == "body-changed"
    soft = signed(key, url_order(URL, soft=True))
    assert (await ask("PURGE", f"{listener.url}/a?b=%20c", soft, **fields))[1]["order"]["soft"] is True


async def test_a_token_is_good_for_its_url_alone(listener, admin, key):
    token = signed(key, url_order(URL, soft=False))
    status, document = await ask("PURGE", f"{listener.url}/other", token, Host="www.example.com")
    assert (status, document["error"]) == (401, "body-changed")
    assert (await ask("PURGE", f"{listener.url}/a", Host="www.example.com"))[0] == 401
    assert admin.keeper.door.log.newest == 0


async def test_what_the_admin_listener_does_not_have_is_404_in_json(listener):
    assert (await ask("GET", f"{listener.url}/elsewhere"))[1]["error"] == "nothing-there"


async def test_a_url_in_the_query_is_no_target(listener, admin, key):
    url = "http://www.example.com/to?u=http://other.example/"
    token = signed(key, url_order(url, soft=False))
    status, receipt = await ask(
        "PURGE", f"{listener.url}/to?u=http://other.example/", token, Host="www.example.com"
    )
    assert status in (200, 202)
    assert receipt["order"]["targets"] == [url]
