"""/link/TOKEN: the page of a klien's own person. The token in the address is the credential; there is no cookie."""

from __future__ import annotations

from http import HTTPStatus

from quart import Blueprint, Response

from talkabiz.web.auth import desk
from talkabiz.web.pages import show_page

blueprint = Blueprint("links", __name__)


@blueprint.get("/link/<token>")
async def show_link(token: str) -> Response:
    """The token goes on to the socket from the page's own address, by the script."""
    principal = await desk().access.by_link(token)
    if principal is None or principal.klien_id is None:
        return _unlisted(await show_page("link_gone.html", status=HTTPStatus.GONE))
    desk().allowances.take_request(principal.actor)
    klien = await desk().kliens.get(principal.klien_id)
    return _unlisted(await show_page("link.html", klien=klien, snapshot=await desk().sessions.live(klien.id)))


def _unlisted(answer: Response) -> Response:
    """Out of search engines, wherever the address may have got to."""
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return answer
