"""Lines that several stored heads have stand in memory once, others as they came; what is kept for that is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.shared_lines import COST, LONGEST, SEEN, SharedLines


def line(name: str, value: str) -> tuple[str, str]:
    """A line of its own: nothing of it is the same object as in another."""
    return "".join(list(name)), "".join(list(value))


def test_a_line_of_two_heads_stands_in_memory_once_for_all_that_come_then():
    lines = SharedLines(10_000)
    first, second, third = (lines.share(line("Server", "origin")) for _ in range(3))
    assert first is not second and second is third
    assert lines.has(third) and not lines.has(first) and not lines.has(line("Server", "origin"))


def test_a_head_that_asks_twice_is_one_head():
    lines = SharedLines(10_000)
    own = lines.share(line("ETag", '"a1"'))
    assert lines.share(own) is own and not lines.has(own)


def test_what_no_new_head_has_had_for_two_generations_is_not_given_any_more():
    lines = SharedLines(10 * (COST + 10))
    for _ in range(2):
        kept, left = lines.share(line("Server", "origin")), lines.share(line("X-Once", "a while ago"))
    assert lines.has(kept) and lines.has(left)
    for number in range(100):
        both = [lines.share(line("X-Other", f"{number}")) for _ in range(2)]
        assert lines.has(both[1])
        assert lines.share(line("Server", "origin")) is kept
    assert lines.has(kept) and not lines.has(left)


def test_long_lines_and_more_than_a_bounded_number_that_came_once_are_not_remembered():
    lines = SharedLines(10**6)
    long = [lines.share(line("X-Long", "x" * (LONGEST + 1))) for _ in range(3)]
    assert not any(map(lines.has, long))
    for number in range(3 * SEEN):
        lines.share(line("ETag", f"{number}"))
        assert len(lines._seen) <= SEEN


@given(
    st.lists(
        st.tuples(st.sampled_from(("A", "a", "b", "Set-Cookie")), st.text("xy ", max_size=3)), max_size=8
    )
)
def test_a_head_that_shares_says_the_same(some):
    fields = Fields(some)
    shared = fields.shared()
    assert shared == fields and shared.names() == fields.names()
    assert [shared.all(name) for name in fields.names()] == [fields.all(name) for name in fields.names()]
