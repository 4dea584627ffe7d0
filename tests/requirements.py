"""What RFC 9111, and the parts of RFC 9110 and others that bind a shared cache, require; each shown by marked tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: its id (RFC, section, name), its level, what it says in our words, and what obeys it.

    `level` is the RFC's key word, MAY where it permits under a condition that we keep to, "" where it defines.
    `rule` is a name within httpcache/rules, or within httpcache. `not_yet` says why no test shows it.
    """

    id: str
    level: str
    words: str
    rule: str
    not_yet: str = ""


STORING = (
    Requirement("9111§1.2.2 overflow-is-2-to-the-31", "MUST", "A number of seconds too large to count with is 2^31.", "cache_control.parse_seconds"),
    Requirement("9111§3 store-only-when-allowed", "MUST NOT", "Store nothing unless method, status, directives and credentials all allow it, and one thing says that it may be cached.", "storing.decide_storing"),
    Requirement("9111§3 final-status-only", "MUST NOT", "Store no interim response; of 206 and 304 only what is understood.", "storing.decide_storing"),
    Requirement("9111§3.1 unrecognised-fields-are-stored", "MUST", "Store every field of a response, also those that nobody here knows.", "storing.stored_fields"),
    Requirement("9111§3.1 fields-not-stored", "MUST", "But not those of the connection, nor those that Connection or a directive names.", "storing.stored_fields"),
    Requirement("9111§3.1 proxy-fields-are-not-stored", "MUST NOT", "Nor those that are between a proxy and us.", "storing.stored_fields"),
    Requirement("9111§3.1 trailers-stay-apart", "MUST NOT", "Never put trailer fields among the header fields.", "fetch.next_hop.NextHop"),
    Requirement("9111§3.2 update-stored-fields", "MUST", "An update adds each field it provides, in the place of those stored.", "validation.freshen"),
    Requirement("9111§3.2 content-length-is-never-updated", "MUST", "But not Content-Length, nor fields that are not stored at all.", "validation.NEVER_UPDATED"),
    Requirement("9111§3.2 few-fields-are-left-out-of-updates", "SHOULD", "Leave out of updates only what the integrity of the stored response needs.", "validation.NEVER_UPDATED"),
    Requirement("9111§3.3 partial-is-stored-as-an-incomplete-200", "MAY", "A 206 may be stored if it is known to be incomplete.", "combining.decide_storing_part"),
    Requirement("9111§3.3 range-units-that-are-not-understood-are-not-stored", "MUST NOT", "Store no part in a unit, or by a Content-Range, that is not understood.", "combining.parse_content_range"),
    Requirement("9111§3.3 incomplete-answers-only-ranges-within", "MUST NOT", "What is incomplete answers nothing but ranges that lie within it.", "partial.answers_from_part"),
    Requirement("9111§3.3 part-is-sent-as-206", "MUST NOT", "Send no part under another status than 206.", "answers.compose"),
    Requirement("9111§3.3 broken-off-is-not-complete", "MUST NOT", "What broke off on its way is never used as if it were whole.", "serve.asking.Asking"),
    Requirement("9111§3.4 combine-only-with-the-same-strong-validator", "MAY", "Parts may be put together where all have the same strong validator.", "combining.combine"),
    Requirement("9111§3.4 combining-updates-the-stored-fields", "MUST", "Then the newest fields update those stored.", "combining.combine"),
    Requirement("9111§3.5 authorization-only-where-allowed", "MUST NOT", "A response to Authorization answers others only by a directive that says so.", "storing.decide_storing"),
)  # fmt: skip

REUSE = (
    Requirement("9111§4 reuse-only-when-allowed", "MUST NOT", "Reuse nothing unless target, method, selecting fields and freshness all allow it.", "reuse.decide_reuse"),
    Requirement("9111§4 target-uri-must-match", "MUST NOT", "Reuse nothing for another target URI.", "cache_key.cache_key"),
    Requirement("9111§4 method-allows-reuse", "MUST NOT", "Reuse nothing for a method that what is stored is no answer to.", "reuse.decide_reuse"),
    Requirement("9111§4 no-cache-needs-validation", "MUST NOT", "Reuse nothing that says no-cache without validating it.", "reuse.decide_reuse"),
    Requirement("9111§4 age-generated", "MUST", "An answer from the store carries its current age in Age, and no other Age.", "answers.compose"),
    Requirement("9111§4 unsafe-methods-are-written-through", "MUST", "An unsafe request is answered by the origin only.", "reuse.decide_reuse"),
    Requirement("9111§4 most-recent-of-several", "MUST", "Of several that fit, use the most recent by Date.", "vary.select"),
    Requirement("9111§4 collapsed-only-where-reuse-is-allowed", "", "Requests that waited for one response get it only if each may reuse it.", "reuse.decide_reuse"),
    Requirement("9111§4.1 vary-must-match", "MUST NOT", "Reuse nothing unless the fields that Vary names are as in the original request.", "vary.matches"),
    Requirement("9111§4.1 every-nominated-field-must-match", "MUST NOT", "That is each of them, over all lines.", "vary.matches"),
    Requirement("9111§4.1 absent-matches-only-absent", "", "A field that was missing must be missing again.", "vary.matches"),
    Requirement("9111§4.1 star-never-matches", "", "Vary: * fits no request.", "vary.vary_names"),
    Requirement("9111§4.1 normalise-only-where-the-meaning-is-the-same", "", "Two spellings are one where the field's own syntax gives them one meaning.", "vary.normal_value"),
    Requirement("9111§4.1 prefer-response-with-vary", "SHOULD", "A response with Vary comes before one without.", "vary.select"),
    Requirement("9111§4.1 preference-may-choose-by-language", "MAY", "Among stored responses, preferences of the request may choose.", "vary.matches"),
)  # fmt: skip

FRESHNESS = (
    Requirement("9111§4.2 dates-match-without-case", "SHOULD", "Dates are read in any case.", "dates.parse_http_date"),
    Requirement("9111§4.2 parsed-date-is-equal-or-earlier", "MUST", "A date that cannot be held exactly is held as an earlier one.", "dates.parse_http_date"),
    Requirement("9111§4.2 local-time-zone-has-no-influence", "MUST NOT", "The time zone of this machine influences no age and no expiry.", "dates.parse_http_date"),
    Requirement("9111§4.2 zones-other-than-gmt-are-invalid", "SHOULD", "A date in another zone than GMT is none.", "dates.parse_http_date"),
    Requirement("9111§4.2.1 calculate-freshness-lifetime", "", "s-maxage, then max-age, then Expires less Date, then a guess.", "freshness.freshness_lifetime"),
    Requirement("9111§4.2.1 of-several-values-the-most-restrictive", "", "Of a directive told twice, the least; the first or stale is asked for.", "cache_control.response_directives"),
    Requirement("9111§4.2.1 invalid-freshness-is-stale", "", "Freshness that cannot be read is none.", "cache_control.response_directives"),
    Requirement("9111§4.2.2 no-heuristic-beside-explicit-expiration", "MUST NOT", "Guess no lifetime where one is told.", "freshness.freshness_lifetime"),
    Requirement("9111§4.2.2 heuristics-only-where-defined-or-public", "", "Guess only for statuses defined so, or where public is told.", "freshness.HEURISTICALLY_CACHEABLE"),
    Requirement("9111§4.2.3 age-interpreted-from-request-time", "MUST", "Age counts from when the request was sent, not from when the response came.", "freshness.current_age"),
    Requirement("9111§4.2.3 current-age-is-initial-age-and-resident-time", "", "The age is the greater of both ways to know it, and the time spent here.", "freshness.current_age"),
    Requirement("9111§4.2.4 stale-never-when-prohibited", "MUST NOT", "Give nothing stale where a directive prohibits it.", "cache_control.stale_is_prohibited"),
    Requirement("9111§4.2.4 stale-only-when-permitted", "MUST NOT", "Give nothing stale unless cut off, or permitted by client, origin or operator.", "reuse.decide_reuse"),
)  # fmt: skip

VALIDATION = (
    Requirement("9111§4.3.1 send-entity-tags", "MUST", "Validate by the entity tags of what is stored.", "validation.conditions"),
    Requirement("9111§4.3.1 send-last-modified", "SHOULD", "And by Last-Modified, where one response is validated.", "validation.conditions"),
    Requirement("9111§4.3.2 evaluate-conditions-on-stored", "SHOULD", "Evaluate a client's conditions on the stored response that answers.", "preconditions.decide_precondition"),
    Requirement("9111§4.3.2 conditions-for-the-origin-are-left-to-it", "MUST NOT", "Evaluate no condition that is for an origin alone, nor where nothing stored could answer.", "preconditions.is_for_origin"),
    Requirement("9111§4.3.2 date-serves-where-last-modified-is-missing", "SHOULD", "Without Last-Modified, If-Modified-Since compares with Date.", "preconditions.decide_precondition"),
    Requirement("9111§4.3.2 tag-of-a-part-only-where-it-answers", "MUST NOT", "Offer no tag of an incomplete response unless its part would answer.", "reuse.decide_reuse"),
    Requirement("9111§4.3.2 304-with-another-tag-becomes-200", "MUST", "A 304 for a tag of ours that the client does not have becomes its 200.", "answers.compose"),
    Requirement("9111§4.3.3 full-response-is-used", "MUST", "A full response to a validation is what the client gets.", "validation.decide_validation"),
    Requirement("9111§4.3.3 other-5xx-are-passed-on", "MAY", "A 5xx to a validation is passed on, or counts as silence.", "validation.decide_validation"),
    Requirement("9111§4.3.4 strong-validator-must-match", "MUST NOT", "A 304 whose strong tag nothing stored has updates nothing.", "validation.decide_validation"),
    Requirement("9111§4.3.4 all-with-the-same-strong-validator-are-updated", "", "A strong tag names every response that has it.", "validation.decide_validation"),
    Requirement("9111§4.3.4 weak-validator-names-the-most-recent-that-could-be-chosen", "", "A weak one names the most recent that this request could have chosen.", "validation.decide_validation"),
    Requirement("9111§4.3.4 identified-responses-are-updated", "MUST", "Each response that a 304 names is updated with its fields.", "validation.freshen"),
    Requirement("9111§4.3.5 each-that-could-have-been-chosen", "SHOULD", "A HEAD updates or invalidates each stored GET that it could have chosen.", "serve.passing.Passing"),
    Requirement("9111§4.3.5 head-updates-or-invalidates", "SHOULD", "Updated where validators and length agree; else stale.", "validation.freshen_by_head"),
    Requirement("9111§4.3.5 head-fields-update-the-stored-response", "MUST", "Updated by the fields of the HEAD.", "validation.freshen_by_head"),
    Requirement("9111§4.4 invalidate-target", "MUST", "The target of an unsafe request that did not fail is invalid.", "invalidation.invalidated_uris"),
    Requirement("9111§4.4 methods-of-unknown-safety-invalidate", "MUST", "So is that of a method that nobody here knows.", "invalidation.is_invalidating"),
    Requirement("9111§4.4 errors-invalidate-nothing", "", "An error invalidates nothing.", "invalidation.is_invalidating"),
    Requirement("9111§4.4 same-origin-only", "MUST NOT", "Location and Content-Location invalidate nothing of another origin.", "references.same_origin_url"),
)  # fmt: skip

DIRECTIVES = (
    Requirement("9111§5.1 age-list-first-member", "SHOULD", "Of an Age that is a list, the first member counts.", "freshness.age_value"),
    Requirement("9111§5.1 age-invalid-ignored", "SHOULD", "An Age that is no number is ignored.", "freshness.age_value"),
    Requirement("9111§5.2 directives-are-passed-on", "MUST", "Directives go on as they came, in requests and in responses, known or not.", "forwarding.forwarded_request"),
    Requirement("9111§5.2 directives-compare-without-case", "", "Directives are read in any case.", "cache_control.response_directives"),
    Requirement("9111§5.2 token-and-quoted-arguments-are-accepted", "", "Arguments are read as tokens and as quoted strings.", "cache_control.response_directives"),
    Requirement("9111§5.2.1.5 request-no-store-is-not-stored", "MUST NOT", "Store nothing of a request that says no-store, nor of its response.", "storing.decide_storing"),
    Requirement("9111§5.2.1.6 request-no-transform", "", "A client that says no-transform gets content as it was received.", "answers.compose"),
    Requirement("9111§5.2.1.7 only-if-cached-or-504", "SHOULD", "only-if-cached gets what is stored, or 504.", "reuse.decide_reuse"),
    Requirement("9111§5.2.2 response-directives-are-obeyed", "MUST", "Obey every response directive.", "targeted.effective_directives"),
    Requirement("9111§5.2.2.2 must-revalidate-when-stale", "MUST NOT", "must-revalidate: nothing stale without validation.", "cache_control.stale_is_prohibited"),
    Requirement("9111§5.2.2.2 must-revalidate-also-when-disconnected", "MUST", "must-revalidate, cut off from the origin: an error.", "validation.decide_failure"),
    Requirement("9111§5.2.2.2 error-of-a-gateway-when-disconnected", "SHOULD", "That error is 504, or the one that fits better (502).", "serve.answering.Answering"),
    Requirement("9111§5.2.2.3 must-understand-overrides-no-store", "SHOULD", "must-understand overrides no-store where the status is understood.", "cache_control.storing_is_prohibited"),
    Requirement("9111§5.2.2.3 must-understand-needs-an-understood-status", "MUST NOT", "must-understand: store nothing whose status is not understood.", "storing.UNDERSTOOD"),
    Requirement("9111§5.2.2.4 no-cache-needs-validation", "MUST NOT", "no-cache: nothing without validation.", "reuse.decide_reuse"),
    Requirement("9111§5.2.2.4 fields-named-by-no-cache-are-not-reused", "MAY", "no-cache with names: the rest may be reused without those fields.", "storing.stored_fields"),
    Requirement("9111§5.2.2.5 no-store-is-not-stored", "MUST NOT", "no-store: nothing is stored.", "cache_control.storing_is_prohibited"),
    Requirement("9111§5.2.2.5 no-store-is-not-used", "MUST NOT", "no-store: nothing is used for another request.", "reuse.decide_reuse"),
    Requirement("9111§5.2.2.6 no-transform", "MUST NOT", "no-transform: content is not coded here.", "content_coding.is_codable"),
    Requirement("9111§5.2.2.7 private-is-not-stored", "MUST NOT", "private: nothing is stored.", "cache_control.storing_is_prohibited"),
    Requirement("9111§5.2.2.7 fields-named-by-private-are-not-stored", "MUST NOT", "private with names: those fields are not stored.", "storing.stored_fields"),
    Requirement("9111§5.2.2.8 proxy-revalidate-when-stale", "MUST NOT", "proxy-revalidate: nothing stale without validation.", "cache_control.stale_is_prohibited"),
    Requirement("9111§5.2.2.10 s-maxage-overrides-max-age-and-expires", "", "s-maxage comes before max-age and Expires.", "freshness.freshness_lifetime"),
    Requirement("9111§5.2.2.10 s-maxage-when-stale", "MUST NOT", "s-maxage: nothing stale without validation.", "cache_control.stale_is_prohibited"),
    Requirement("9111§5.2.3 unrecognised-directives-ignored", "MUST", "Directives that nobody here knows change nothing.", "cache_control.response_directives_of"),
    Requirement("9111§5.3 invalid-expires-is-past", "MUST", "An Expires that is no date, and 0, is in the past.", "freshness.freshness_lifetime"),
    Requirement("9111§5.3 max-age-and-s-maxage-override-expires", "MUST", "Beside max-age or s-maxage, Expires is ignored.", "freshness.freshness_lifetime"),
)  # fmt: skip
