"""Octets of a small body that came whole: in parts, or for whoever codes or decodes them on their way."""

from __future__ import annotations

from collections.abc import AsyncIterator

from httpcache.rules.answers import Composed


class WholeContent:
    """The octets that an answer takes out of a body that stands in RAM."""

    def __init__(self, whole: bytes, composed: Composed) -> None:
        self._whole = whole
        self._composed = composed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._composed.parts:
            yield part.before
            if part.span is not None:
                yield self._whole[slice(*part.span)]
        if not self._composed.parts:
            yield self._whole

    async def aclose(self) -> None:
        """Nothing is held."""
