from __future__ import annotations

from talkabiz.store import limits, models
from talkabiz.store.limits import WindowRow
from tests.store.conftest import NOW, later


async def test_hits_are_kept_by_bucket_and_go_when_they_no_longer_count(database: str) -> None:
    for seconds in (0, 10, 20):
        await limits.add_hit("start 10.0.0.1", later(seconds), later(-60))
    await limits.add_hit("start 10.0.0.2", later(10), later(-60))
    assert await limits.hits("start 10.0.0.1", NOW) == [later(10), later(20)]
    await limits.add_hit("start 10.0.0.1", later(70), useless_before=later(10))
    assert await models.Hit.filter(bucket="start 10.0.0.1").count() == 2
    await limits.forget_hits(later(20))
    assert await models.Hit.all().values_list("bucket", "at") == [("start 10.0.0.1", later(70))]


async def test_windows_are_kept_in_place_of_those_before(database: str) -> None:
    first, second = WindowRow("key:1", 7, 5, 0), WindowRow("key:2", 7, 1, 0)
    await limits.keep_windows([first, second], useless_before=6)
    assert await limits.load_windows() == [first, second]
    later_on = WindowRow("key:1", 9, 2, 0)
    await limits.keep_windows([later_on], useless_before=8)
    assert await limits.load_windows() == [later_on]
