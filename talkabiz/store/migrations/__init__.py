"""The steps that bring a database up to date, in order. One that has been released is never changed."""

from __future__ import annotations
