"""Who is next, where many want a few places."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, strategies as st

from talkabiz.domain.turns import Line, by_turns
from talkabiz.domain.webhooks import PLACES, PLACES_OF_KLIEN


def line(klien_id: int, webhook_id: int, count: int = PLACES, places: int = PLACES) -> Line:
    return Line(klien_id, webhook_id, places, tuple(webhook_id * 100 + number for number in range(count)))


def whose(deliveries: list[int]) -> list[int]:
    return [delivery // 100 for delivery in deliveries]


def test_kliens_take_turns_and_so_do_their_endpoints() -> None:
    lines = [line(1, 11), line(1, 12), line(2, 21)]
    assert whose(by_turns(lines, {}, 6)) == [11, 21, 12, 21, 11, 21]


def test_an_endpoint_has_its_own_order() -> None:
    assert by_turns([line(1, 11)], {}, 9) == [1100, 1101, 1102, 1103]


def test_who_has_more_on_its_way_waits_for_the_others() -> None:
    assert whose(by_turns([line(1, 11), line(2, 21)], {11: 2}, 3)) == [21, 21, 11]


def test_no_endpoint_gets_more_than_its_places() -> None:
    lines = [line(1, 11), line(1, 12, places=1), line(2, 21), line(2, 22, places=1)]
    assert Counter(whose(by_turns(lines, {11: 3, 22: 1}, 99))) == {11: 1, 12: 1, 21: 4}


def test_no_klien_gets_all_places_by_having_many_endpoints() -> None:
    lines = [line(1, 11 + number) for number in range(20)] + [line(2, 40)]
    taken = whose(by_turns(lines, {11: 4}, 64))
    assert Counter(each == 40 for each in taken) == {False: PLACES_OF_KLIEN - 4, True: 4}


def test_among_equals_the_turn_goes_on_after_the_last_one() -> None:
    lines = [line(klien_id, 10 * klien_id + 1) for klien_id in (1, 2, 3)]
    assert [whose(by_turns(lines, {}, 1, after))[0] for after in (0, 1, 2, 3)] == [11, 21, 31, 11]


def test_everybody_has_a_turn_where_one_place_is_free_at_a_time() -> None:
    lines = [line(klien_id, 10 * klien_id) for klien_id in range(1, 101)]
    after, taken = 0, []
    for _ in range(100):
        (delivery,) = by_turns(lines, {}, 1, after)
        after = delivery // 1000
        taken.append(after)
    assert sorted(taken) == list(range(1, 101))


@given(
    st.lists(
        st.builds(line, st.integers(1, 5), st.integers(1, 40), st.integers(0, PLACES), st.sampled_from([1, PLACES])),
        unique_by=lambda each: each.webhook_id,
    ),
    st.dictionaries(st.integers(1, 40), st.integers(0, PLACES)),
    st.integers(0, 70),
    st.integers(0, 6),
)
def test_nobody_gets_too_much_and_no_place_is_left_that_somebody_may_have(
    lines: list[Line], on_way: dict[int, int], limit: int, after: int
) -> None:
    taken = by_turns(lines, on_way, limit, after)
    assert len(set(taken)) == len(taken) <= limit
    of_endpoint = Counter(whose(taken))
    of_klien = dict.fromkeys(range(6), 0)
    for each in lines:
        has = on_way.get(each.webhook_id, 0)
        of_klien[each.klien_id] += has + of_endpoint[each.webhook_id]
        assert not of_endpoint[each.webhook_id] or has + of_endpoint[each.webhook_id] <= each.places
        assert list(each.due[: of_endpoint[each.webhook_id]]) == [d for d in taken if d in each.due]
    for each in lines:
        left = min(len(each.due), each.places - on_way.get(each.webhook_id, 0)) - of_endpoint[each.webhook_id]
        assert left <= 0 or len(taken) == limit or of_klien[each.klien_id] >= PLACES_OF_KLIEN
