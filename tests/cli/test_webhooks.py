"""`talkabiz webhook` and a server that goes away: nobody is told that nothing was done where it may have been."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from talkabiz.cli import webhooks
from talkabiz.cli.printing import EXIT_NO_SERVER, Failed
from tests.cli.conftest import Desk, be_silent, break_off, hang_up


@pytest.mark.parametrize("away", [hang_up, break_off, be_silent])
def test_what_was_asked_and_not_answered_may_have_been_done(
    desk: Desk, away: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    desk.script = [away]
    with pytest.raises(Failed) as failure:
        webhooks.replay(1, 1, since=0, url=desk.url, key="tkb_x")
    assert failure.value.code == "no_answer"
    assert "may have been done" in failure.value.message.en
    assert len(desk.asked) == 1


def test_where_nobody_listens_nothing_was_done() -> None:
    with pytest.raises(Failed) as failure:
        webhooks.replay(1, 1, since=0, url="http://127.0.0.1:1", key="tkb_x")
    assert (failure.value.code, failure.value.exit_code) == ("no_server", EXIT_NO_SERVER)
