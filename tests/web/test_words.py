"""Both languages say the same things, and the pages ask for no word that isn't there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from talkabiz import web
from talkabiz.assets import static_dir, templates_dir
from talkabiz.domain.states import Status
from talkabiz.web.words import GROUPS, WORDS, duration


def browser_words() -> dict[str, dict[str, str]]:
    source = (static_dir() / "js" / "words.js").read_text()
    found: Any = json.loads(source.partition("const WORDS = ")[2].partition(";\n\nexport")[0])
    return dict(found)


def test_both_languages_have_the_same_words() -> None:
    for words in (WORDS, browser_words()):
        assert words["id"].keys() == words["en"].keys()
        assert all(text for each in words.values() for text in each.values())


def test_both_languages_have_the_same_places_to_fill_in() -> None:
    for words in (WORDS, browser_words()):
        for name in words["id"]:
            places = [sorted(re.findall(r"\{(\w+)\}", words[language][name])) for language in ("id", "en")]
            assert places[0] == places[1], name


def test_a_wait_is_told_in_the_largest_unit_that_is_exact_enough() -> None:
    told = [duration(seconds, "en") for seconds in (0.2, 89, 90, 900, 901, 89 * 60, 90 * 60, 86_400)]
    assert told == ["1 s", "89 s", "2 min", "15 min", "16 min", "89 min", "2 h", "24 h"]
    assert duration(42, "id") == "42 detik"


def test_every_status_has_its_word_and_its_look() -> None:
    for status in Status:
        assert f"status_{status}" in WORDS["id"]
        assert WORDS["id"][f"status_{status}"] == browser_words()["id"][f"status_{status}"]
        assert WORDS["en"][f"status_{status}"] == browser_words()["en"][f"status_{status}"]
        assert status in GROUPS


def test_pages_use_every_word_and_no_other() -> None:
    source = "".join(path.read_text() for path in templates_dir().rglob("*.html"))
    used = set(re.findall(r"\bt\.(\w+)", source)) | {f"status_{status}" for status in Status}
    views = "".join(path.read_text() for path in Path(web.__file__).parent.glob("*.py"))
    used |= set(re.findall(r"WORDS\[language\(\)\]\[\"(\w+)\"\]", views))
    assert used == WORDS["id"].keys()


def test_scripts_use_every_word_and_no_other() -> None:
    scripts = [path for path in (static_dir() / "js").glob("*.js") if path.name != "words.js"]
    source = "".join(path.read_text() for path in scripts)
    words = browser_words()["id"].keys()
    assert {name for name in words if not name.startswith("status_") and f'"{name}"' not in source} == {
        "phone_keeps_device"  # the name of the server's warning
    }
    assert set(re.findall(r'\bsay\("(\w+)"', source)) <= words
