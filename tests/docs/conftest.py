"""The servers of these tests keep their data where those of the acceptance tests do."""

from __future__ import annotations

from tests.acceptance.conftest import _home  # noqa: F401 - a fixture
