"""What the load script asks for: the same from the same seed, Zipf's shape, and traces read as they are."""

from __future__ import annotations

import gzip
from collections import Counter
from statistics import median

import pytest
import zstandard

from edgeward.load_synthetic import Mix, synthetic_workload
from edgeward.load_workload import read_trace


def workload(**changes):
    return synthetic_workload(Mix(**({"objects": 500, "alpha": 0.9, "requests": 5000, "seed": 1} | changes)))


def test_the_same_seed_gives_the_same_workload():
    one, again = workload(), workload()
    assert (one.sizes, one.sequence, one.path(3)) == (again.sizes, again.sequence, again.path(3))


@pytest.mark.parametrize("change", [{"seed": 2}, {"alpha": 1.0}])
def test_another_seed_or_skew_gives_another_sequence(change):
    assert workload().sequence != workload(**change).sequence


def test_sizes_do_not_depend_on_how_many_requests_are_sent():
    assert workload().sizes == workload(requests=10).sizes


def test_popularity_falls_as_zipf_says():
    counts = Counter(workload(objects=1000, alpha=1.0, requests=50_000).sequence)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.2)
    assert counts[0] / 50_000 == pytest.approx(1 / 7.485, rel=0.05)  # the 1000th harmonic number


def test_without_skew_all_objects_are_alike():
    counts = Counter(workload(objects=10, alpha=0, requests=20_000).sequence)
    assert min(counts.values()) > 1800


def test_sizes_are_log_normal_around_their_median():
    sizes = workload(objects=10_000, requests=1, median=1843, sigma=1.0).sizes
    assert median(sizes) == pytest.approx(1843, rel=0.05)
    assert sum(size < 1843 * 2.718 for size in sizes) / len(sizes) == pytest.approx(0.841, abs=0.02)


def test_the_summary_tells_what_no_cache_can_do_better():
    summary = workload(objects=1, requests=4, sigma=0, median=1000).summary()
    assert summary["best_object_hit_ratio"] == summary["best_byte_hit_ratio"] == 0.75
    assert (summary["footprint_bytes"], summary["requested_bytes"]) == (1000, 4000)


TRACES = [
    ("key and size", "a,10\nb,20\na,10\n"),
    ("time, key and size", "1,a,10\n2,b,20\n3,a,10\n"),
    ("a line of names", "key,size\na,10\nb,20\na,10\n"),
    ("comments, spaces and empty lines", "# x\na, 10\n\nb ,20\r\na,10"),
    ("an object keeps its first size", "a,10\nb,20\na,99\n"),
]


def test_a_trace_may_have_larger_objects_than_are_made_up(tmp_path):
    (tmp_path / "trace").write_text("a,536870912\n")
    assert list(read_trace(tmp_path / "trace").sizes) == [536870912]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("text", [row[1] for row in TRACES], ids=[row[0] for row in TRACES])
def test_a_trace_is_read(tmp_path, text, pack):
    file = tmp_path / "trace"
    file.write_bytes(pack(text.encode()))
    trace = read_trace(file)
    assert list(trace.sequence) == [0, 1, 0]
    assert list(trace.sizes) == [10, 20]
    assert list(read_trace(file, requests=2).sequence) == [0, 1]


PACKED = zstandard.compress(b"a,10\nb,20\n" * 1000)
FAULTS = [
    (PACKED[:-5], "cut off"),
    (PACKED[:4] + b"\xff" * 20, "unpacked"),
    (gzip.compress(b"a,10\n", mtime=0)[:5] + b"\xff" * 9, "unpacked"),
    (b"a,10\nb\n", "line 2"),
    (b"a,10\nb,-1\n", "line 2"),
    (b"a,1\nb,1,2,3\n", "line 2"),
    (b"a,1\nb,9999999999999\n", "line 2: is larger"),
    (b"", "no request"),
]


@pytest.mark.parametrize(
    ("text", "says"), FAULTS, ids=[f"{number} {row[1]}" for number, row in enumerate(FAULTS)]
)
def test_a_wrong_trace_is_refused_by_line(tmp_path, text, says):
    (tmp_path / "t").write_bytes(text)
    with pytest.raises(ValueError, match=says):
        read_trace(tmp_path / "t")
