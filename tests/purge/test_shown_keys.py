"""Keys that tokens and the keeper show: odd ones are failed attempts like any other, and only the right one counts."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from httpcache.purge.keys import jwk_set, node_key
from tests.purge.asking import ask
from tests.purge.nodes import Admin, follower, until

ODD = [
    {"kty": []},
    {"kty": {"a": 1}},
    {"kty": None, "kid": {"a": 1}},
    {"kty": "OKP", "crv": [], "x": "a"},
    {"kty": "RSA", "n": "_" * 5000, "e": "Ag"},
    {"kty": "oct", "kid": []},
]
ASKED = [("GET", "/v1/feed"), ("POST", "/v1/feed/acks"), ("GET", "/v1/purges"), ("GET", "/v1/nodes")]


def showing(jwk: object) -> str:
    """A token that shows a key; signed by nobody."""
    parts = (json.dumps({"alg": "EdDSA", "kid": "x", "jwk": jwk}).encode(), b'{"sub":"x"}', b"x" * 64)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("jwk", ODD, ids=[json.dumps(jwk)[:30] for jwk in ODD])
async def test_an_odd_key_is_refused_wherever_a_node_asks_and_is_audited(admin, jwk):
    for method, path in ASKED:
        status, told = await ask(method, admin.url + path, showing(jwk), b"{}" if method == "POST" else None)
        assert status == 401 and told["error"] == "key-unknown"
    status, _ = await ask("POST", admin.url + "/v1/purges", "x.y.z", b"{}", **{"Edgeward-Node": showing(jwk)})
    assert status == 401
    audit = admin.folder / "purge" / "audit.log"
    await until(lambda: audit.exists() and audit.read_text().count("\n") == len(ASKED) + 1)


async def test_what_fails_in_a_library_counts_as_a_failed_attempt(admin, monkeypatch):
    def fails(_: str) -> None:
        raise RuntimeError("whatever")

    monkeypatch.setattr("httpcache.purge.gate._shown_key", fails)
    status, told = await ask("GET", f"{admin.url}/v1/feed", showing({"kty": "OKP"}))
    assert (status, told["error"]) == (401, "token-malformed")


async def test_a_keeper_whose_key_is_not_listed_is_never_followed(admin, tmp_path):
    """Not even at first contact, when a node that lists nothing believes whom it meets."""
    (tmp_path / "another").mkdir()
    listed = tmp_path / "nodes.jwks"
    listed.write_bytes(jwk_set([node_key(tmp_path / "another", "keeper").public]))
    one = follower(admin, tmp_path / "e", "edge-2", purge={"nodes": str(listed)})
    starting = asyncio.create_task(one.start())
    await until(lambda: "key that is not in" in one._complaint)
    assert not one.is_following and not (tmp_path / "e" / "keys" / "keeper.jwks").exists()
    listed.write_bytes(jwk_set([admin.keeper.key.public]))
    await starting
    assert one.is_following
    await one.close()


async def test_a_keeper_that_is_taken_off_the_list_is_followed_no_longer(tmp_path):
    admin = await Admin(tmp_path / "keeper", purge={"heartbeat": 0.2}).start()
    listed = tmp_path / "nodes.jwks"
    listed.write_bytes(jwk_set([admin.keeper.key.public]))
    one = follower(admin, tmp_path / "e", "edge-2", purge={"nodes": str(listed)})
    await one.start()
    assert one.is_following
    listed.write_bytes(jwk_set([]))
    await admin.stop()
    await admin.start()
    await until(lambda: "key that is not in" in one._complaint)
    await one.close()
    await admin.stop()
