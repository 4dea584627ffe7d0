"""Records and segments: what was written comes back, anything else is None."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from httpcache.store import records
from tests.store.things import stored

RECORD = records.encode_record("http://a/x", [stored(variant="de"), stored(variant=None)])


def test_a_record_comes_back_as_it_was():
    assert records.decode_record(RECORD, "http://a/x") == (stored(variant="de"), stored(variant=None))


def test_a_record_of_another_key_is_none():
    assert records.decode_record(RECORD, "http://a/y") is None


@given(st.integers(0, len(RECORD) - 1), st.integers(1, 255))
def test_a_record_with_any_octet_changed_is_none(at, change):
    broken = bytearray(RECORD)
    broken[at] ^= change
    assert records.decode_record(bytes(broken), "http://a/x") is None


@given(st.integers(0, len(RECORD) - 1))
def test_a_record_cut_off_anywhere_is_none(at):
    assert records.decode_record(RECORD[:at], "http://a/x") is None


@given(st.binary(max_size=200))
def test_any_octets_are_a_record_or_none_and_never_an_error(data):
    assert records.decode_record(data, "k") is None


@given(st.binary())
def test_a_segment_comes_back_as_it_was_under_its_own_name_only(data):
    sealed = records.seal(records.SEGMENT_MAGIC, "b.000001", data)
    assert records.unseal(records.SEGMENT_MAGIC, "b.000001", sealed) == data
    assert records.unseal(records.SEGMENT_MAGIC, "b.000002", sealed) is None
    assert records.unseal(records.RECORD_MAGIC, "b.000001", sealed) is None


def test_a_record_tells_which_bodies_it_names():
    record = records.encode_record("k", [stored("k", "one"), stored("k", "two", variant="de")])
    assert records.bodies_named(record, records.record_name("k")) == {"one", "two"}
    assert records.bodies_named(record[:-1], records.record_name("k")) == set()


def test_octets_above_ascii_survive_wherever_a_client_or_origin_can_put_them():
    odd = replace(stored("k\udcff"), selecting=(("x\udcfe", "\udcfd"), ("y", None)), reason="\udcfc")
    assert records.decode_record(records.encode_record(odd.key, [odd]), odd.key) == (odd,)
