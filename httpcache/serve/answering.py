"""Makes answers of stored responses, of responses that are still arriving, and of failures."""

from __future__ import annotations

from collections.abc import AsyncIterator

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import NextHopError
from httpcache.messages import Form, RequestHead, ResponseHead, StoredResponse
from httpcache.rules import answers
from httpcache.rules.cache_key import CacheKey
from httpcache.rules.content_coding import coding_to_make
from httpcache.rules.decisions import Forward, Handling, Refusal, Reuse, Served, Validate
from httpcache.rules.freshness import current_age, time_to_live
from httpcache.serve.coder import with_form
from httpcache.serve.exchange import Answer, BrokenOff
from httpcache.serve.landing import Stored
from httpcache.serve.tier import Tier
