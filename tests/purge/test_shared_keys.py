"""Shared secrets (HS256) sign orders only where the settings name them, and where their file is for its owner alone."""

from __future__ import annotations

import base64
import json

import pytest

from httpcache.purge.keeper import LogKeeper
from httpcache.purge.keys import KeyFault, load_private_key, public_key
from httpcache.settings import Settings
from tests.purge.asking import ask, signed
from tests.purge.nodes import Admin

ORDER = b'{"kind":"tag","targets":["a"]}'
SECRET = base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()
JWK = {"kty": "oct", "k": SECRET, "kid": "robot", "name": "robot", "alg": "HS256"}


@pytest.fixture
def files(tmp_path):
    public, private = tmp_path / "operators.jwks", tmp_path / "robot.key"
    public.write_text(json.dumps({"keys": [JWK]}))
    private.write_text(json.dumps(JWK))
    for one in (public, private):
        one.chmod(0o600)
    return public, private


async def test_a_shared_secret_that_is_named_signs_orders(files, tmp_path):
    public, private = files
    admin = await Admin(tmp_path / "n", purge={"keys": str(public), "shared_keys": ["robot"]}).start()
    try:
        key = load_private_key(private)
        status, document = await ask("POST", f"{admin.url}/v1/purges", signed(key, ORDER), ORDER)
        assert (status, document["who"]) == (202, "robot")
    finally:
        await admin.stop()


def test_one_that_is_not_named_stops_the_start(files, tmp_path):
    with pytest.raises(KeyFault, match=r"robot: is a shared secret.*purge\.shared_keys"):
        LogKeeper(Settings(origin="http://a", purge={"keys": str(files[0])}), tmp_path / "data")


def test_one_in_a_file_that_others_can_read_stops_the_start(files, tmp_path):
    files[0].chmod(0o640)
    purge = {"keys": str(files[0]), "shared_keys": ["robot"]}
    with pytest.raises(KeyFault, match="open to others"):
        LogKeeper(Settings(origin="http://a", purge=purge), tmp_path / "data")


WRONG = [
    ("too short", {**JWK, "k": "c2hvcnQ"}),
    ("of another algorithm", {**JWK, "alg": "HS512"}),
    ("without a value", {"kty": "oct", "kid": "robot"}),
    ("with a value that is none", {**JWK, "k": 5}),
]


@pytest.mark.parametrize("jwk", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_shared_secret_is_refused(jwk):
    with pytest.raises(KeyFault):
        public_key(jwk, ["robot"])


def test_nothing_shows_a_shared_secret(files):
    with pytest.raises(KeyFault, match="no public half"):
        _ = load_private_key(files[1]).public.jwk
