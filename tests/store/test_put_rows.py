"""Values written in a few statements a batch: what diskcache reads afterwards is what it would have written itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from httpcache.store.counts import Counts
from httpcache.store.database import IN_DATABASE, Database
from httpcache.store.put_rows import put_rows

NAMES = [f"{number:032x}.h" for number in range(6)]
VALUES = st.one_of(
    st.none(), st.sampled_from([b"", b"x", b"y" * 100, b"z" * IN_DATABASE, b"w" * (IN_DATABASE + 5)])
)


def _write(database, values):
    with database.writing.transact():
        left = put_rows(database.writing._con, database.writing.disk, values, 1000.0)
    database.remove_files(left)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1), min_size=1, max_size=6))
def test_what_was_written_last_stands_and_nothing_else(tmp_path_factory, batches):
    database = Database(tmp_path_factory.mktemp("data"), Counts())
    model = {}
    for batch in batches:
        _write(database, batch)
        model.update(batch)
    standing = {name: value for name, value in model.items() if value is not None}
    cache = database.reading
    assert {name: cache.get(name) for name in NAMES if name in cache} == standing
    assert {name: database.value(name) for name in NAMES} == {name: standing.get(name) for name in NAMES}
    assert len(cache) == len(standing)
    in_files = [value for value in standing.values() if len(value) >= IN_DATABASE]
    files = list(database.folder.rglob("*.val"))
    assert cache.reset("size") == sum(512 * file.stat().st_blocks for file in files)
    assert len(files) == len(in_files)
    database.close()


def test_more_names_than_one_query_asks_for(tmp_path):
    database = Database(tmp_path, Counts())
    many = {f"{number:032x}.h": b"%d" % number for number in range(1200)}
    _write(database, many)
    _write(database, dict.fromkeys(many, b"new"))
    assert all(database.value(name) == b"new" for name in many)
    assert len(database.reading) == len(many)
    database.close()


def test_a_file_that_has_gone_is_nothing(tmp_path):
    database = Database(tmp_path, Counts())
    _write(database, {NAMES[0]: b"x" * IN_DATABASE})
    for file in database.folder.rglob("*.val"):
        file.unlink()
    assert database.value(NAMES[0]) is None
    database.close()
