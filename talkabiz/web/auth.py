"""Who asks, and whether they may: by key in a header, or by the login cookie of a browser."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from quart import current_app, g, request

from talkabiz.domain.access import Caller, Principal, Scope
from talkabiz.domain.errors import MissingScope, NotFound, Sentence, Starting, TalkabizError, Unauthorized
from talkabiz.services.desk import Desk
from talkabiz.services.operators import cookie_name

UNRATIONED = "/api/v1/"
"""Where an operator's or admin's pairing attempts don't count against START_LIMIT."""
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FORM_TYPE = "application/x-www-form-urlencoded"
"""Of our own pages' forms. What comes as another type may be large, and isn't read for its token."""
SAME_SITE = {"same-origin", "none"}
"""What a browser says of a request that our own page, or the person at the address bar, made."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the application knows of where it stands."""

    base_url: str
    language: str
    sandbox: bool

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")


class Csrf(TalkabizError):
    code = "csrf"
    sentence = Sentence(
        "Permintaan ini tidak berasal dari halaman kami. Muat ulang halaman, lalu coba lagi.",
        "This request didn't come from our own page. Reload the page, then try again.",
    )


def site() -> Site:
    found: Site = current_app.extensions["site"]
    return found


def desk() -> Desk:
    """Raises Starting while nothing is open yet, or any more."""
    found: Desk | None = current_app.extensions.get("desk")
    if found is None:
        raise Starting(retry_after=1)
    return found


async def identify() -> Principal:
    """Whoever sent this request. A wrong key isn't made good by a cookie beside it.

    Raises:
        Unauthorized: no credential, or one that isn't valid (any more).
        Csrf: a browser's login, used by a page of somebody else's.
        RateLimited: this credential asks too often.
    """
    key = _key()
    if key is not None:
        principal = await desk().access.by_token(key)
    else:
        principal = await desk().operators.by_login(login_cookie())
        if principal and request.method not in SAFE_METHODS:
            await check_own_page()
    if principal is None:
        raise Unauthorized
    desk().allowances.take_request(principal.actor)
    g.principal = principal
    return principal


async def remember_principal() -> None:
    """Before each request of a blueprint that needs a credential."""
    await identify()


def caller() -> Caller:
    """Who asks, for the audit log and START_LIMIT."""
    found = principal()
    rationed = not (found.sees_all and request.path.startswith(UNRATIONED))
    return Caller(found.actor, address(), is_rationed=rationed)


def address() -> str | None:
    """Where the request came from; from whom a proxy had it only if that is trusted (`talkabiz.forwarded`)."""
    return request.remote_addr


def login_cookie() -> str:
    return request.cookies.get(cookie_name(site().base_url), "")


def principal() -> Principal:
    found: Principal = g.principal
    return found


def allow(klien_id: int, *scopes: Scope) -> int:
    """The id, if this credential may do that with this klien; any one of `scopes` is enough.

    Raises:
        NotFound: another klien's. It is told apart from nothing.
        MissingScope: the klien's own key, but not for this.
    """
    if not principal().may_see(klien_id):
        raise NotFound
    if not any(principal().may(scope) for scope in scopes):
        raise MissingScope
    return klien_id


def allow_operators() -> None:
    """Raises MissingScope for one klien's credentials."""
    if not principal().sees_all:
        raise MissingScope


def sends_key() -> bool:
    return "Authorization" in request.headers or "X-Api-Key" in request.headers


def _key() -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return request.headers.get("X-Api-Key")


# --- requests that other sites' pages may have made -------------------------------------------------------------------


async def check_own_page() -> None:
    """Raises Csrf unless the browser says that our page made this request, or it carries our page's token.

    Browsers send `Sec-Fetch-Site` to https and to localhost alone, and `Origin: null` with forms of pages that send
    no referrer: on a plain http address in an office network the token is what remains.
    """
    where = request.headers.get("Sec-Fetch-Site")
    if where in SAME_SITE or (where is None and _is_own_origin(request.headers.get("Origin", ""))):
        return
    form = await request.form if request.mimetype == FORM_TYPE else {}
    token = form.get("token", "")
    if not hmac.compare_digest(token.encode(), form_token(login_cookie()).encode()):
        raise Csrf


def check_not_foreign() -> None:
    """For what needs no login yet: raises Csrf only if the browser says that another site's page asks."""
    where = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin", "null")
    if where not in {None, *SAME_SITE} or (where is None and origin != "null" and not _is_own_origin(origin)):
        raise Csrf


def form_token(login: str) -> str:
    """What our own forms carry. Another site can't know it: it derives from the login, which no page shows."""
    return hmac.new(login.encode(), b"form", hashlib.sha256).hexdigest()


def _is_own_origin(origin: str) -> bool:
    own = urlsplit(site().base_url)
    return origin in {f"{own.scheme}://{own.netloc}", f"{request.scheme}://{request.host}"}
