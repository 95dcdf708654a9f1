from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from talkabiz.process import YOUNG_OBJECTS, keep_what_is_there


@pytest.fixture
def _collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_collector")
def test_the_collector_looks_no_more_through_what_a_start_has_made() -> None:
    there = len(gc.get_objects())
    keep_what_is_there()
    assert len(gc.get_objects()) < there / 100
    assert gc.get_threshold()[0] == YOUNG_OBJECTS
