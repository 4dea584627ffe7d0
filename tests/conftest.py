"""Settings of the test run; fixtures live beside the tests that use them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("edgeward", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("edgeward")
