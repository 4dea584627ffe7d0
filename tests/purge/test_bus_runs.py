"""Two nodes that follow a bus under one name are told apart, and the quicker one does not confirm for both."""

from __future__ import annotations

import pytest

from httpcache.purge.bus_runs import Progress, Runs

SILENCE = 6.0

TOLD = [
    ("one run", ["a1", "a2"], "a2"),
    ("a restart is no second node", ["a5", "b5", "b6", "b7"], "b7"),
    ("two restarts are none", ["a5", "b5", "c6", "c7"], "c7"),
    ("the slower of two counts", ["a5", "b5", "a7", "b6", "a9"], "b6"),
    ("also when the quicker one speaks last", ["a5", "b5", "a7", "b5", "a9", "a10"], "b5"),
    ("until the other has been silent", ["a5", "b5", "a7", "b5", "-", "a9"], "a9"),
    ("of another epoch it says nothing", ["a5", "b5", "a7", "B9", "a9"], "a9"),
]


@pytest.mark.parametrize(("told", "counts"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_how_far_a_node_is(told, counts, caplog):
    runs, now, workers = Runs(SILENCE), 100.0, ()
    for one in told:
        now += SILENCE * 2 if one == "-" else 0.5
        if one != "-":
            epoch = 7 + one[0].isupper()
            workers = runs.told("edge", Progress(epoch, ((int(one[1:]), True),), one[0].lower()), now)
    assert workers == ((int(counts[1:]), True),)
    assert ("two nodes follow" in caplog.text) == any(one[0] == "a" for one in told[2:])
