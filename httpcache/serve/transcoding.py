"""Content in a form that is not stored, on its way to a client that reads no other: coded or decoded as it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from httpcache.fetch.failures import NextHopError
from httpcache.messages import Form, StoredResponse
from httpcache.rules.content_coding import received_coding
from httpcache.serve.bodies import ArrivingContent, StoredContent
from httpcache.serve.coding_threads import CodingThreads, Steps, decoding, encoding
from httpcache.serve.exchange import BrokenOff
from httpcache.serve.pieced import PiecedContent
from httpcache.serve.whole import WholeContent
from httpcache.settings import CodingSettings


class TranscodedContent:
    """Works piece by piece, in threads. Content that is not what it says, or swells too far, is broken off."""

    def __init__(
        self,
        content: StoredContent | ArrivingContent | PiecedContent | WholeContent,
        stored: StoredResponse,
        form: Form,
        settings: CodingSettings,
        threads: CodingThreads,
    ) -> None:
        """`content` is the whole as received, `form` what the client is to get; `threads` do the work."""
        self.stored = stored
        self.content = content
        new_steps: Callable[[], Steps] = (
            (lambda: decoding(received_coding(stored.fields)))
            if form.coding == "identity"
            else (lambda: encoding(form.coding, settings))
        )
        self._octets = threads.run(content, new_steps, settings.decoded_largest)
        self._first = b""
        self._failure: NextHopError | None = None

    async def is_there(self) -> bool:
        """Whether the first octets can be read and are what they say: asked while another answer can still be found."""
        try:
            self._first = await anext(self._octets, b"")
        except BrokenOff:
            await self.aclose()
            return False
        except NextHopError as error:
            self._failure = error
        return True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._failure is not None:
            raise self._failure
        if self._first:
            yield self._first
        async for data in self._octets:
            yield data

    async def aclose(self) -> None:
        """Let go of the content."""
        await self._octets.aclose()  # type: ignore[attr-defined]
        await self.content.aclose()
