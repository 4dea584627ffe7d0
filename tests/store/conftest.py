"""Fixtures for tests of the stores."""

from __future__ import annotations

import pytest


@pytest.fixture
def everything_is_admitted(monkeypatch):
    """A full disk store takes whatever comes, as if all of it were small."""
    monkeypatch.setattr("httpcache.store.admission.TINY", 2**40)
