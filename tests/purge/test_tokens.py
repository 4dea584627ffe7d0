"""Tokens: every way in which one can be wrong is refused with its own name, before anything is applied."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.purge.keys import load_private_key, named, new_operator, new_private_key
from httpcache.purge.orders import Kind, Order
from httpcache.purge.problems import Problem
from httpcache.purge.rights import Rights
from httpcache.purge.tokens import body_hash, node_token, order_token, verify_node_token, verify_order_token

NOW = 1_700_000_000.0
BODY = b'{"kind":"tag","targets":["a"]}'


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return load_private_key(new_operator(tmp_path_factory.mktemp("keys"), "alice")[0])


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return new_private_key(tmp_path_factory.mktemp("other") / "k", "mallory")


def verify(token, key, body=BODY):
    find = lambda kid: key.public if kid == key.public.kid else None  # noqa: E731
    return verify_order_token(token, body, "edgeward", find, NOW)


def token_with(key, signer=None, alg="EdDSA", header=None, **claims):
    """A good token but for what is given; None leaves a claim out."""
    good = {
        "aud": "edgeward",
        "iss": "alice",
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "x" * 16,
        "sha256": body_hash(BODY),
    }
    payload = {name: value for name, value in {**good, **claims}.items() if value is not None}
    secret = (signer or key).key if alg == "EdDSA" else "s" * 64 if alg == "HS256" else None
    return jwt.encode(payload, secret, algorithm=alg, headers={"kid": key.public.kid, **(header or {})})


def test_a_token_made_here_is_good_and_names_its_signer(key):
    claims, signer = verify(order_token(key, BODY, "edgeward", NOW), key)
    assert (claims.iss, signer) == ("alice", key.public)


REFUSED = [
    ("alg none", {"alg": "none"}, "algorithm-mismatch"),
    ("a shared secret", {"alg": "HS256"}, "algorithm-mismatch"),
    ("wrong aud", {"aud": "edgeward-node"}, "audience-wrong"),
    ("aud is part of another", {"aud": "edgeward2"}, "audience-wrong"),
    ("no aud", {"aud": None}, "claim-malformed"),
    ("unknown iss", {"iss": "bob"}, "issuer-unknown"),
    ("no iss", {"iss": None}, "claim-malformed"),
    ("unknown kid", {"header": {"kid": "nobody"}}, "key-unknown"),
    ("no exp", {"exp": None}, "claim-malformed"),
    ("exp is text", {"exp": "soon"}, "claim-malformed"),
    ("exp has passed", {"exp": NOW}, "token-expired"),
    ("exp too far ahead", {"exp": NOW + 301}, "life-too-long"),
    ("no iat", {"iat": None}, "claim-malformed"),
    ("iat in the future", {"iat": NOW + 31}, "issued-in-future"),
    ("no jti", {"jti": None}, "claim-malformed"),
    ("a short jti", {"jti": "x"}, "claim-malformed"),
    ("no sha256", {"sha256": None}, "claim-malformed"),
    ("another body", {"sha256": body_hash(b"{}")}, "body-changed"),
    ("sha256 is not ASCII", {"sha256": "é"}, "body-changed"),
    ("rights that are none", {"kinds": ["all"]}, "claim-malformed"),
]


@pytest.mark.parametrize(("claims", "error"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_token_is_refused_for(key, claims, error):
    problem = verify(token_with(key, **claims), key)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.error) == (401, error)


ALLOWED = [
    ("aud is a list", {"aud": ["x", "edgeward"]}),
    ("exp at its limit", {"exp": NOW + 300}),
    ("iat within the skew", {"iat": NOW + 30}),
    ("iss is the kid", {"iss": "KID"}),
    ("claims nobody knows", {"sub": "x", "nbf": 0}),
]


@pytest.mark.parametrize("claims", [a[1] for a in ALLOWED], ids=[a[0] for a in ALLOWED])
def test_a_token_is_good_with(key, claims):
    if claims.get("iss") == "KID":
        claims = {"iss": key.public.kid}
    assert not isinstance(verify(token_with(key, **claims), key), Problem)


def test_another_key_under_the_right_kid_is_a_wrong_signature(key, other):
    assert verify(token_with(key, signer=other), key).error == "signature-wrong"


def test_a_changed_body_is_refused(key):
    assert verify(order_token(key, BODY, "edgeward", NOW), key, BODY + b" ").error == "body-changed"


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": None}, {"b64": False}]
)
def test_an_extension_that_is_not_known_is_refused(key, header):
    payload = jwt.decode(token_with(key), options={"verify_signature": False})
    shown = json.dumps({"alg": "EdDSA", "kid": key.public.kid, **header}).encode()
    parts = [base64.urlsafe_b64encode(one).rstrip(b"=") for one in (shown, json.dumps(payload).encode())]
    signature = base64.urlsafe_b64encode(key.key.sign(b".".join(parts))).rstrip(b"=")
    assert verify(b".".join([*parts, signature]).decode(), key).error == "token-malformed"


def test_a_changed_claim_breaks_the_signature(key):
    head, _, signature = token_with(key).split(".")
    claims = base64.urlsafe_b64encode(json.dumps({"aud": "edgeward"}).encode()).rstrip(b"=").decode()
    assert verify(f"{head}.{claims}.{signature}", key).error == "signature-wrong"


@pytest.mark.slow
@given(
    st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=80),
        st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True),
    )
)
def test_what_is_no_token_is_a_problem_and_never_an_exception(token):
    assert verify_order_token(token, b"", "edgeward", lambda _: None, NOW).status == 401


def test_a_node_is_no_operator_and_an_operator_no_node(key):
    node = node_token(key, BODY, NOW)
    assert isinstance(verify(node, key), Problem)
    assert isinstance(verify_node_token(token_with(key), BODY, lambda _: key.public, NOW), Problem)
    claims, _ = verify_node_token(node, BODY, lambda _: key.public, NOW)
    assert claims.sub == "alice"


def test_the_name_is_the_key_files_and_not_the_tokens(key):
    renamed = named(key.public.key, "bob")
    token = token_with(key, iss="alice")
    assert verify_order_token(token, BODY, "edgeward", lambda _: renamed, NOW).error == "issuer-unknown"


URL, PREFIX, TAG, HOST = Kind.URL, Kind.PREFIX, Kind.TAG, Kind.HOST
RIGHTS = [
    ("no narrowing", Rights(), Order(Kind.EVERYTHING), None),
    ("a kind that is named", Rights(kinds=(TAG,)), Order(TAG, ("a",)), None),
    ("a kind that is not", Rights(kinds=(TAG,)), Order(HOST, ("a",)), "kinds: host"),
    ("no kind at all", Rights(kinds=()), Order(TAG, ("a",)), "kinds: tag"),
    ("a tag", Rights(tags=("a",)), Order(TAG, ("a",)), None),
    ("a tag that only begins so", Rights(tags=("a",)), Order(TAG, ("ab",)), "tags: ab"),
    ("tags by their beginning", Rights(tags=("a*",)), Order(TAG, ("ab", "a")), None),
    ("one of several tags", Rights(tags=("a*",)), Order(TAG, ("ab", "b")), "tags: b"),
    ("tags do not give hosts", Rights(tags=("*",)), Order(HOST, ("h",)), "hosts: h"),
    ("hosts do not give tags", Rights(hosts=("h",)), Order(TAG, ("a",)), "tags: a"),
    ("tags do not give everything", Rights(tags=("*",)), Order(Kind.EVERYTHING), "kinds: everything"),
    ("a host", Rights(hosts=("H",)), Order(HOST, ("h",)), None),
    ("a URL of the host", Rights(hosts=("h",)), Order(URL, ("https://H/a",)), None),
    ("a URL of another host", Rights(hosts=("h",)), Order(URL, ("http://hh/a",)), "prefixes: http://hh/a"),
    (
        "a host whose name begins so",
        Rights(prefixes=("http://h",)),
        Order(URL, ("http://hh/",)),
        "prefixes: http://hh/",
    ),
    ("a URL within a prefix", Rights(prefixes=("http://h/a/",)), Order(URL, ("h/a/b",)), None),
    ("a prefix within a prefix", Rights(prefixes=("http://h/a/",)), Order(PREFIX, ("h/a/b",)), None),
    ("a prefix around a prefix", Rights(prefixes=("http://h/a/",)), Order(PREFIX, ("h/a",)), "prefixes: h/a"),
    ("a host with a port", Rights(hosts=("h",)), Order(HOST, ("h:81",)), None),
    ("a URL of a port of the host", Rights(hosts=("h",)), Order(URL, ("http://h:81/a",)), None),
    ("all ports of a host", Rights(hosts=("h:81",)), Order(HOST, ("h",)), "hosts: h"),
    ("a host of another with a port", Rights(hosts=("h",)), Order(HOST, ("hh:81",)), "hosts: hh:81"),
    ("all ports by a default one", Rights(hosts=("h:80",)), Order(HOST, ("h",)), "hosts: h"),
    ("all ports by a default one, told", Rights(hosts=("h:443",)), Order(HOST, ("h:443",)), "hosts: h:443"),
    ("another port by a default one", Rights(hosts=("h:80",)), Order(HOST, ("h:81",)), "hosts: h:81"),
    ("a URL of a default port", Rights(hosts=("h:80",)), Order(URL, ("http://h:80/a",)), None),
    (
        "a URL of another port",
        Rights(hosts=("h:81",)),
        Order(URL, ("http://h:82/a",)),
        "prefixes: http://h:82",
    ),
    ("a port of its own", Rights(hosts=("h:81",)), Order(HOST, ("h:81",)), None),
    ("a default port of the host", Rights(hosts=("h",)), Order(HOST, ("h:443",)), None),
    ("a port of either scheme", Rights(hosts=("h",)), Order(URL, ("h:443/a",)), None),
    ("a port within a prefix", Rights(prefixes=("https://h/a/",)), Order(URL, ("https://h:443/a/b",)), None),
    (
        "a port that may be another's",
        Rights(prefixes=("https://h/a/",)),
        Order(URL, ("h:443/a/b",)),
        "prefixes: h:443",
    ),
    ("a URL in another spelling", Rights(prefixes=("h/%7Ea/",)), Order(URL, ("h/~a/%C3%A9",)), None),
    ("a prefix that is cut", Rights(prefixes=("h/a%2",)), Order(URL, ("h/a",)), "prefixes: h/a"),
    ("an order that is cut", Rights(prefixes=("h/a%2F",)), Order(PREFIX, ("h/a%2",)), "prefixes: h/a%2"),
    ("a way out of a prefix", Rights(prefixes=("h/a/",)), Order(URL, ("h/a",)), "prefixes: h/a"),
    ("dots out of a prefix", Rights(prefixes=("h/a/",)), Order(URL, ("h/a/../b",)), "prefixes: h/a/../b"),
    (
        "escaped dots out of a prefix",
        Rights(prefixes=("h/a/",)),
        Order(URL, ("h/a/%2e%2E/b",)),
        "prefixes: h/a/",
    ),
    ("a prefix out of a prefix", Rights(prefixes=("h/a/",)), Order(PREFIX, ("h/a/..",)), "prefixes: h/a/.."),
    ("dots that stay within", Rights(prefixes=("h/a/",)), Order(URL, ("h/a/b/../c",)), None),
    ("a right that ends in dots", Rights(prefixes=("h/a/..",)), Order(URL, ("h/b",)), "prefixes: h/b"),
    ("a right with dots", Rights(prefixes=("h/a/.%2e/",)), Order(URL, ("h/b",)), "prefixes: h/b"),
    ("a right with a query", Rights(prefixes=("h/a?b",)), Order(PREFIX, ("h/a?b",)), "prefixes: h/a?b"),
    ("a query within a prefix", Rights(prefixes=("h/a",)), Order(PREFIX, ("h/a?b",)), None),
    ("a host around a prefix", Rights(prefixes=("http://h/a/",)), Order(HOST, ("h",)), "hosts: h"),
]


@pytest.mark.parametrize(("rights", "order", "missing"), [r[1:] for r in RIGHTS], ids=[r[0] for r in RIGHTS])
def test_rights(rights, order, missing):
    problem = rights.missing_for(order)
    assert (problem is None) == (missing is None)
    if problem is not None:
        assert problem.status == 403 and missing in problem.reason


def test_rights_travel_in_the_token(key):
    token = order_token(key, BODY, "edgeward", NOW, Rights(tags=("b",)))
    claims, _ = verify(token, key)
    assert claims.missing_for(Order(TAG, ("a",))).error == "right-missing"
