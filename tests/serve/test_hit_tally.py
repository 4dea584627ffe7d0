"""The fast lane tells of its hits what the slow one would have told: the same numbers, the same lines."""

from __future__ import annotations

import json

import pytest
from prometheus_client import REGISTRY

from httpcache import clock
from httpcache.messages import Fields, RequestHead, StoredResponse
from httpcache.observe import metrics
from httpcache.observe.access_log import AccessLog, Line, told_answer
from httpcache.rules.decisions import Handling, Served
from httpcache.serve.hot_path import MOST_TOLD
from httpcache.serve.telling import Delivery, Telling
from httpcache.store.counts import Counts
from tests.scenarios.forms import FORMS

URI = "http://site.example/a"


@pytest.fixture(params=FORMS)
def form(request):
    """hot_path.py in one of its forms."""
    return request.param


def a_hit(form):
    """A request and its answer."""
    stored = StoredResponse(URI, "site.example/a", 200, "", Fields(), 1000.0, 1000.0)
    ready = form.Ready(stored, 200, "heuristic")
    ready.sent = 10
    ready.told, ready.told_end = told_answer(200, 10, "heuristic")
    return form.KnownHead("GET", URI, URI, None, None), ready


def samples() -> dict[str, float]:
    """What is counted of hits by now."""
    names = ("edgeward_requests_total", "edgeward_response_bytes_total", "edgeward_request_seconds_count")
    found = {name: REGISTRY.get_sample_value(name, {"served": "hit"}) or 0.0 for name in names}
    for bound in ("0.0005", "0.001", "1.0", "+Inf"):
        labels = {"served": "hit", "le": bound}
        found[bound] = REGISTRY.get_sample_value("edgeward_request_seconds_bucket", labels) or 0.0
    return found


def difference(before: dict[str, float]) -> dict[str, float]:
    """What was counted since."""
    return {name: value - before[name] for name, value in samples().items()}


async def test_a_batch_tells_what_one_at_a_time_would(tmp_path, form):
    (known, ready), log = a_hit(form), AccessLog(str(tmp_path / "log"))
    counts, took = Counts(), (0.0001, 0.0008, 0.0002, 0.9)
    before = samples()
    telling = Telling(log, "edge")
    for seconds in took:
        head = RequestHead("GET", "http", "site.example", "/a")
        handling = Handling(Served.HIT, detail="heuristic")
        telling.tell(head, "127.0.0.1", clock.monotonic() - seconds, 200, handling, Delivery(10))
    one_at_a_time, before = difference(before), samples()
    tally = form.HitTally(log, "edge", counts)
    for seconds in took:
        tally.add(known, ready, "127.0.0.1", clock.monotonic() - seconds)
    tally.flush()
    assert difference(before) == one_at_a_time
    assert (tally.hits, counts.ram_hits) == (4, 4)
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all(abs(line["time"] + line["seconds"] - clock.now()) < 5 for line in lines)
    told = sorted(
        ({name: value for name, value in line.items() if name not in ("time", "seconds")} for line in lines),
        key=str,
    )
    assert told == [told[0]] * 8
    assert {tuple(line) for line in lines} == {Line.__struct_fields__}


async def test_hits_do_not_wait_for_ever(form):
    (known, ready), tally = a_hit(form), form.HitTally(AccessLog(""), "edge", Counts())
    for _ in range(MOST_TOLD - 1):
        tally.add(known, ready, "127.0.0.1", clock.monotonic())
    assert tally.hits == 0
    tally.add(known, ready, "127.0.0.1", clock.monotonic())
    assert tally.hits == MOST_TOLD


def test_quick_ones_are_counted_as_the_library_would():
    before = samples()
    metrics.observe_quick("hit", 3, 0.0009)
    assert difference(before)["0.0005"] == 3
    assert difference(before)["edgeward_request_seconds_count"] == 3
