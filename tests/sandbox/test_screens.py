"""What a virtual phone can scan beside a text: a picture, and a klien's screen."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
import qrcode
from PIL import Image
from quart import Quart

from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.panel import blueprint
from talkabiz.sandbox.screens import LARGEST_PICTURE, Screen, read_picture
from talkabiz.sandbox.world import Sandbox
from tests.sandbox.conftest import NewClient, NewWire
from tests.sandbox.test_pairing import code_of
from tests.sandbox.test_panel import NUMBER, Api

BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def picture(texts: Iterable[str], form: str = "PNG", mode: str = "RGB", ground: str = "white") -> bytes:
    """A wide screenshot with these codes side by side."""
    drawn = [qrcode.make(text).get_image().convert("RGBA") for text in texts]
    sheet = Image.new("RGBA", (sum(code.width for code in drawn) + 800, 900), ground)
    for place, code in enumerate(drawn):
        sheet.paste(code, (place * code.width + 100 * place, 50))
    out = io.BytesIO()
    sheet.convert(mode).save(out, form)
    return out.getvalue()


def upload(data: bytes, name: str = "image") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="shot.png"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "L"), ("WEBP", "RGB"), ("GIF", "P")]
)
async def test_a_code_is_read_from_a_picture(form: str, mode: str) -> None:
    assert await read_picture(picture(["2@here"], form, mode)) == "2@here"


async def test_what_is_transparent_is_white() -> None:
    dark = qrcode.make("2@glass").get_image().convert("L")
    glass = Image.new("RGBA", dark.size, (0, 0, 0, 0))
    glass.paste((0, 0, 0, 255), mask=dark.point(lambda light: 255 - light))
    out = io.BytesIO()
    glass.save(out, "PNG")
    assert await read_picture(out.getvalue()) == "2@glass"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unsupported_image"),
        (b"hello", "unsupported_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported_image"),
        (picture(["2@here"])[:200], "unsupported_image"),
        (picture([]), "no_qr_in_image"),
        (picture(["2@one", "2@two"]), "no_qr_in_image"),
        (b"\0" * (LARGEST_PICTURE + 1), "too_large"),
    ],
)
async def test_a_picture_that_says_nothing_clear_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(SandboxError) as refusal:
        await read_picture(data)
    assert refusal.value.code == code


async def test_a_small_file_of_a_huge_picture_is_not_unpacked() -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(SandboxError, match="can be read"):
        await read_picture(out.getvalue())


@pytest.fixture
def screens() -> list[Screen]:
    """What kliens show; a test puts it there."""
    return []


@pytest.fixture
def api(sandbox: Sandbox, screens: list[Screen]) -> Api:
    async def shown() -> list[Screen]:
        return screens

    app = Quart(__name__)
    app.register_blueprint(blueprint(sandbox, screens=shown))
    return Api(app)


async def test_a_screenshot_links_the_unmodified_library(api: Api, sandbox: Sandbox, new_client: NewClient) -> None:
    sandbox.phones.add(NUMBER)
    client = new_client()
    client.start()
    shot = upload(picture([await client.qr()]))
    status, device = await api.call("POST", f"/phones/{NUMBER}/scan", shot, Content_Type=FORM)
    assert (status, device["jid"]) == (200, f"{NUMBER}:1@s.whatsapp.net")
    await client.event("Connected")


async def test_an_upload_without_a_picture_is_refused(api: Api, sandbox: Sandbox) -> None:
    scan = f"/phones/{NUMBER}/scan"
    assert await api.call("POST", scan, upload(picture([])), Content_Type=FORM) == (404, "not_found")
    sandbox.phones.add(NUMBER)
    assert await api.call("POST", scan, upload(b"x", "file"), Content_Type=FORM) == (422, "invalid_input")
    assert await api.call("POST", scan, upload(b"x"), Content_Type=FORM) == (422, "unsupported_image")
    assert await api.call("POST", scan, upload(picture(["hello"])), Content_Type=FORM) == (422, "invalid_qr")


async def test_a_kliens_screen_is_scanned_by_its_id(
    api: Api, sandbox: Sandbox, screens: list[Screen], new_client: NewClient, new_wire: NewWire
) -> None:
    sandbox.phones.add(NUMBER)
    assert await api.call("GET", "/screens") == (200, {"screens": []})
    client = new_client()
    client.start()
    screens += [Screen(3, "Toko", await code_of(new_wire())), Screen(7, "Warung", await client.qr())]
    named = [{"klien_id": 3, "name": "Toko"}, {"klien_id": 7, "name": "Warung"}]
    assert await api.call("GET", "/screens") == (200, {"screens": named})
    assert (await api.call("POST", f"/phones/{NUMBER}/scan", {"klien_id": 7}))[0] == 200
    await client.event("Connected")
    assert await api.call("POST", f"/phones/{NUMBER}/scan", {"klien_id": 8}) == (404, "no_qr")


@pytest.mark.parametrize("body", [{}, {"qr": None}, {"qr": "2@", "klien_id": 1}, {"klien_id": "1"}, {"klien_id": True}])
async def test_a_scan_is_of_one_thing(api: Api, sandbox: Sandbox, body: dict[str, object]) -> None:
    sandbox.phones.add(NUMBER)
    assert await api.call("POST", f"/phones/{NUMBER}/scan", body) == (422, "invalid_input")
