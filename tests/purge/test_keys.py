"""Keys are made 0600, named by their thumbprint, and refused when others can read them or their type is weak."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from httpcache.purge.key_files import KeyFile, NodeKeys, read_key_file
from httpcache.purge.keys import (
    KeyFault,
    load_private_key,
    named,
    new_operator,
    node_key,
    public_key,
    thumbprint,
)

RFC_8037_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def write_pem(path, key) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)


def test_the_thumbprint_is_that_of_rfc_8037_appendix_a_3():
    assert thumbprint(RFC_8037_KEY) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_new_operator_pair_belongs_together_and_is_its_owners_alone(tmp_path):
    private, public = new_operator(tmp_path / "keys", "alice")
    key = load_private_key(private)
    assert read_key_file(public) == (key.public,)
    assert (key.public.name, key.public.alg) == ("alice", "EdDSA")
    assert {path.stat().st_mode & 0o777 for path in (private, public)} == {0o600}


def test_a_second_pair_does_not_overwrite_the_first(tmp_path):
    new_operator(tmp_path)
    with pytest.raises(KeyFault, match="exists already"):
        new_operator(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_private_key_that_others_can_read_is_refused(tmp_path, mode):
    private, _ = new_operator(tmp_path)
    private.chmod(mode)
    with pytest.raises(KeyFault, match="chmod 600"):
        load_private_key(private)


TYPES = [
    ("P-256 is ES256", lambda: ec.generate_private_key(ec.SECP256R1()), "ES256"),
    ("RSA of 2048 bits is RS256", lambda: rsa.generate_private_key(65537, 2048), "RS256"),
]


@pytest.mark.parametrize(("make", "alg"), [t[1:] for t in TYPES], ids=[t[0] for t in TYPES])
@pytest.mark.slow
def test_the_algorithm_follows_from_the_type(tmp_path, make, alg):
    write_pem(tmp_path / "k", make())
    key = load_private_key(tmp_path / "k")
    assert key.public.alg == alg
    assert public_key(key.public.jwk) == key.public


def test_a_curve_we_do_not_use_is_refused(tmp_path):
    write_pem(tmp_path / "k", ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(KeyFault):
        load_private_key(tmp_path / "k")


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "OKP", "crv": "X25519", "x": RFC_8037_KEY["x"]},
        {**RFC_8037_KEY, "x": "!"},
        {**RFC_8037_KEY, "alg": "HS256"},
        {**RFC_8037_KEY, "kid": 5},
        {"kty": []},
        {"kty": {"OKP": 1}},
        {"kty": 5},
        {"kty": "OKP", "crv": [], "x": "a"},
        {"kty": "OKP", "crv": "Ed25519", "x": 5},
        {"kty": "EC", "crv": "P-256", "x": None, "y": True},
        {"kty": "RSA", "n": [1], "e": {}},
        {"kty": "RSA", "n": "_" * 5000, "e": "Ag"},
        {"kty": "oct", "kid": []},
    ],
    ids=[
        "empty",
        "shared secret",
        "no x",
        "not a signing key",
        "not base64",
        "another alg",
        "kid is no text",
        "type is a list",
        "type is an object",
        "type is a number",
        "curve is a list",
        "x is a number",
        "x is null",
        "n is a list",
        "n is very large",
        "shared secret whose kid is a list",
    ],
)
def test_a_jwk_that_cannot_verify_is_a_fault(jwk):
    with pytest.raises(KeyFault):
        public_key(jwk)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"keys": 5}', b'{"keys": [5]}', b"\xff"])
def test_a_file_that_is_no_jwk_set_is_a_fault(tmp_path, text):
    (tmp_path / "f").write_bytes(text)
    with pytest.raises(KeyFault):
        read_key_file(tmp_path / "f")


def test_keys_are_rotated_by_editing_the_file_and_stay_while_it_is_broken(tmp_path):
    one, two = public_key(RFC_8037_KEY), node_key(tmp_path, "n").public
    path = tmp_path / "f"
    path.write_text(json.dumps({"keys": [one.jwk]}))
    file = KeyFile(path)
    assert file.by_kid(one.kid) == one
    path.write_text(json.dumps({"keys": [one.jwk, two.jwk]}))
    assert file.by_kid(two.kid) == two
    path.write_text("{")
    assert file.by_kid(two.kid) == two
    path.write_text(json.dumps({"keys": [two.jwk]}))
    assert file.by_kid(one.kid) is None
    path.unlink()
    assert file.keys() == ()


def test_a_file_to_which_anyone_could_add_a_key_is_refused(tmp_path):
    path = tmp_path / "f"
    path.write_text(json.dumps({"keys": [public_key(RFC_8037_KEY).jwk]}))
    path.chmod(0o666)
    with pytest.raises(KeyFault, match="can be written by anyone"):
        read_key_file(path)
    assert KeyFile(path).keys() == ()
    path.chmod(0o644)
    assert len(KeyFile(path).keys()) == 1


def test_a_node_makes_its_key_once(tmp_path):
    assert node_key(tmp_path, "n").public == node_key(tmp_path, "n").public


def test_an_enrolled_node_is_found_by_name_and_can_be_forgotten(tmp_path):
    key = named(node_key(tmp_path, "").public.key, "edge-1")
    nodes = NodeKeys(tmp_path / "nodes.jwks")
    nodes.enrol(key)
    assert NodeKeys(nodes.path).by_name("edge-1") == key
    nodes.forget("edge-1")
    assert nodes.by_name("edge-1") is None


NO_PRIVATE_KEYS = [
    ('{"keys": [{"kty": "OKP"}]}', "is a set of public keys"),
    ('{"kty": "OKP", "crv": "Ed25519", "x": "AA"}', "is a public key"),
    ('{"kty": 5, "d": "x"}', "is not a private key: a JWK has kty"),
    ("{", "is not a private key in PEM or JWK"),
    ("-----BEGIN PUBLIC KEY-----\n", "is a public key"),
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "is encrypted"),
]


@pytest.mark.parametrize(("text", "says"), NO_PRIVATE_KEYS, ids=[row[1] for row in NO_PRIVATE_KEYS])
def test_what_is_no_private_key_is_told_in_our_words(tmp_path, text, says):
    file = tmp_path / "k"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(KeyFault) as caught:
        load_private_key(file)
    assert str(caught.value).startswith(f"{file}: {says}")


def test_a_private_key_with_a_passphrase_is_told_so(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x"))
    (tmp_path / "k").write_bytes(pem)
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(KeyFault, match="is encrypted"):
        load_private_key(tmp_path / "k")


def test_what_a_public_key_lacks_is_named():
    with pytest.raises(KeyFault, match="is not a public key: lacks 'x'"):
        public_key({"kty": "OKP", "crv": "Ed25519"})
