"""The OpenAPI document: complete, and in step with the routes and the domain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from quart import Quart

from talkabiz.domain.access import Scope
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.domain.limits import Limits
from talkabiz.domain.sentences import SENTENCES
from talkabiz.domain.states import Reason, Status
from talkabiz.services.snapshot import make_snapshot
from talkabiz.web import errors
from talkabiz.web.openapi import TAGS
from tests.domain.examples import SESSIONS
from tests.edges import Client, House, open_house
from tests.fakes import NOW

# What isn't for programs. Whoever adds a room decides.
NOT_PART = {"account", "docs", "klien_pages", "links", "login", "pages", "static"}
BRACES = str.maketrans("<>", "{}")

Json = dict[str, Any]


@pytest.fixture(name="document")
async def _document(house: House) -> Json:
    found: Json = await house.client(None).ask("GET", "/openapi.json", expect=200)
    return found


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def routes(app: Quart) -> set[str]:
    """`GET /api/v1/kliens/{klien_id}` and so on, of all rooms but pages."""
    return {
        f"{method} {rule.rule.translate(BRACES)}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] not in NOT_PART
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


async def test_every_route_is_documented_and_every_documented_one_is_there(house: House, document: Json) -> None:
    documented = {name for name, _ in operations(document)}
    found = routes(house.app)
    assert not found - documented, (
        f"Not in the OpenAPI document: {sorted(found - documented)}. Put `@documented(…)` (talkabiz.web.documented) on "
        "the view, with a model of each answer; or, if it is a page, its room into NOT_PART here."
    )
    assert documented == found


async def test_a_route_without_documentation_is_noticed(tmp_path: Path) -> None:
    async def view(key_id: str) -> str:
        return key_id

    async with open_house(tmp_path) as house:
        known = routes(house.app)
        house.app.add_url_rule("/api/v1/new/<key_id>", "new", view, methods=["POST"])
        assert routes(house.app) - known == {"POST /api/v1/new/{key_id}"}
        document = await house.client(None).ask("GET", "/openapi.json", expect=200)
        assert known == {name for name, _ in operations(document)}


async def test_the_document_is_valid_openapi(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


async def test_every_operation_says_what_it_is_and_who_may(document: Json) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for name, operation in operations(document):
        assert operation["summary"].endswith("."), name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= TAGS.keys(), name
        assert operation["x-who"] in {"anybody", "operators", "kliens"}, name
        assert (operation["security"] == []) == (operation["x-who"] == "anybody"), name
        assert set(operation.get("x-scopes", ())) <= set(Scope), name


async def test_everybody_may_ask_for_health_and_nothing_else(document: Json) -> None:
    public = {name for name, operation in operations(document) if not operation["security"]}
    assert public == {"GET /health", "GET /health/live", "GET /health/ready"}


async def test_every_tag_is_explained_and_used(document: Json) -> None:
    used = {tag for _, operation in operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]} == TAGS.keys()


async def test_credentials_are_never_part_of_an_address(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {scheme.get("in", "header") for scheme in schemes.values()} == {"header", "cookie"}
    assert schemes["cookie"]["name"] == "talkabiz_session"


async def test_every_code_in_it_belongs_to_its_status(document: Json) -> None:
    framework = {code: status for status, (code, _) in errors.FRAMEWORK.items()}
    known = {code: int(status) for code, status in errors.STATUSES.items()} | framework | {"internal": 500}
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            problem = answer.get("content", {}).get("application/problem+json")
            for code in problem["schema"]["properties"]["code"]["enum"] if problem else ():
                assert (code, known.get(code)) == (code, int(status)), name
                assert re.search(rf"`{code}`: [A-Z]", answer["description"]), f"{name}: {code} isn't explained"


async def test_every_example_fits_its_schema(document: Json) -> None:
    components = {"components": document["components"]}
    for name, operation in operations(document):
        body = operation.get("requestBody", {"content": {}})
        for part in (body, *operation["responses"].values()):
            for content in part.get("content", {}).values():
                if "example" in content:
                    validator = jsonschema_rs.Draft202012Validator({**components, **content["schema"]})
                    assert [error.message for error in validator.iter_errors(content["example"])] == [], name


async def test_every_state_of_a_session_fits_its_schema(document: Json) -> None:
    schema = {"components": document["components"], "$ref": "#/components/schemas/StoredSnapshot"}
    validator = jsonschema_rs.Draft202012Validator(schema)
    for name, session in SESSIONS.items():
        snapshot = {**make_snapshot(1, session, session_id="x", seq=1, limits=Limits(), now=NOW), "qr": None}
        assert [error.message for error in validator.iter_errors(snapshot)] == [], name
        assert not validator.is_valid({**snapshot, "reason": "by_user" if session.wa_terhubung else "degraded"}), name


async def test_every_code_of_the_contract_is_in_it(document: Json) -> None:
    text = str(document)
    for code in errors.STATUSES.keys() - {"wrong_password"}:
        assert f"`{code}`" in text, code


async def test_ids_in_paths_are_whole_numbers(document: Json) -> None:
    found = [
        parameter["schema"]
        for _, operation in operations(document)
        for parameter in operation["parameters"]
        if parameter["in"] == "path" and parameter["name"] != "chat"  # which is named by its address
    ]
    assert found
    assert all((each["type"], each["minimum"], each["maximum"]) == ("integer", 1, LARGEST_ID) for each in found)


async def test_statuses_and_reasons_are_the_domains(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Status"]["enum"] == list(Status)
    assert schemas["Reason"]["enum"] == list(Reason)
    pairs = {
        (each["properties"]["status"]["const"], reason)
        for each in schemas["StatusAndReason"]["oneOf"]
        for reason in each["properties"]["reason"]["enum"]
    }
    assert pairs == set(SENTENCES)


async def test_the_qr_has_its_four_forms(document: Json) -> None:
    qr = document["paths"]["/api/v1/kliens/{klien_id}/session/qr"]["get"]["responses"]["200"]["content"]
    assert list(qr) == ["image/png", "image/svg+xml", "text/plain", "application/json"]


async def test_shapes_allow_nothing_besides(document: Json) -> None:
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name


async def test_the_document_is_there_before_anything_is_open(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        assert (await house.client(None).ask("GET", "/openapi.json", expect=200))["info"]["title"] == "Talkabiz"


async def test_over_https_the_cookies_name_is_the_guarded_one(tmp_path: Path) -> None:
    async with open_house(tmp_path, base_url="https://wa.example.com") as house:
        found = await house.client(None).ask("GET", "/openapi.json", expect=200)
        assert found["components"]["securitySchemes"]["cookie"]["name"] == "__Host-talkabiz_session"


async def test_answers_keep_the_order_in_which_they_are_written(admin: Client, klien_id: int) -> None:
    answer = await admin.send("GET", f"/api/v1/kliens/{klien_id}")
    assert (await answer.get_data(as_text=True)).startswith('{"id":')
