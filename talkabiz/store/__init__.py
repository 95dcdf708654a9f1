"""The tables, and every question asked of them. The only room that knows Tortoise: domain objects in and out."""

from __future__ import annotations
