"""The same of RFC 9110 as far as it binds a cache or a gateway, and of the RFCs that extend caching."""

from __future__ import annotations

from tests.requirements import DIRECTIVES, FRESHNESS, REUSE, STORING, VALIDATION, Requirement

MESSAGES = (
    Requirement("9110§5.5 control-characters-are-spaces", "MUST", "Control characters in field values are replaced by spaces before anything is done with them.", "fields.field_value"),
    Requirement("9110§5.6.7 accept-all-three-date-forms", "MUST", "Dates are read in all three forms.", "dates.parse_http_date"),
    Requirement("9110§5.6.7 two-digit-years-over-fifty-ahead-are-past", "MUST", "A two-digit year more than 50 years ahead is of the century before.", "dates.parse_http_date"),
    Requirement("9110§5.6.7 dates-are-written-in-the-preferred-form", "MUST", "Dates are written in the preferred form.", "dates.format_http_date"),
    Requirement("9110§6.5.1 trailers-are-not-merged", "MUST NOT", "Trailer fields are not merged into the header section.", "fetch.next_hop.NextHop"),
    Requirement("9110§6.6.1 time-of-receipt-stands-in-for-date", "MUST", "Without Date, the time of receipt counts.", "freshness.date_value"),
    Requirement("9110§6.6.1 date-is-added-when-stored", "MUST", "And is stored as Date.", "storing.dated"),
    Requirement("9110§6.6.1 date-is-added-when-forwarded", "MUST", "And is sent on as Date.", "answers.passed_head"),
    Requirement("9110§7.6 no-request-twice", "MUST NOT", "A request that has been here is not forwarded again.", "forwarding.is_loop"),
    Requirement("9110§7.6.1 connection-fields-removed", "MUST", "Connection, and each field that it names, goes no further.", "forwarding.without_hop_by_hop"),
    Requirement("9110§7.6.1 fields-named-by-connection-removed", "MUST", "Whatever the case and the place of the name.", "forwarding.connection_options"),
    Requirement("9110§7.6.1 known-connection-fields-removed", "SHOULD", "Nor do fields known to be of a connection, named or not.", "forwarding.HOP_BY_HOP"),
    Requirement("9110§7.6.2 max-forwards", "MUST", "TRACE and OPTIONS: Max-Forwards is counted down; at 0 they end here.", "forwarding.max_forwards_reached"),
    Requirement("9110§7.6.3 via-added", "MUST", "A forwarded request names us in Via, after those before us, none of them combined.", "forwarding.forwarded_request"),
    Requirement("9110§7.6.3 via-tells-the-received-protocol", "MUST", "With the version in which the message came.", "forwarding.forwarded_request"),
    Requirement("9110§7.7 target-is-forwarded-as-it-came", "MUST NOT", "Change nothing of path and query on the way to the next hop.", "fetch.next_hop.NextHop"),
    Requirement("9110§8.4 coded-content-is-not-coded-again", "", "Content that is coded is not coded once more.", "content_coding.is_codable"),
    Requirement("9110§8.8.3.2 entity-tag-comparison", "", "Tags compare strongly or weakly, as the field asks.", "fields.EntityTag"),
    Requirement("9110§8.8.3.3 own-tag-for-each-coding", "", "Each coding of one representation has its own tag.", "content_coding.coded_head"),
    Requirement("9110§8.8.3.3 tags-of-forms-are-the-origins-at-the-origin", "", "What a condition calls by the tag of a form made here, the next hop is asked about by its own.", "form_tags.as_received"),
    Requirement("9110§9.3.2 head-agrees-with-get", "SHOULD", "A HEAD is answered with the fields that a GET would have got; what cannot be told truly is left out.", "serve.heading.Heading"),
    Requirement("9110§9.3.3 post-response-reuse", "", "The response to a POST answers later GETs", "storing.decide_storing"),
    Requirement("9110§9.3.3 post-only-with-freshness-and-content-location", "", "only with explicit freshness, and the target in Content-Location.", "storing.decide_storing"),
    Requirement("9110§9.2.2 only-idempotent-requests-are-sent-again", "MUST NOT", "Send no request with content twice.", "fetch.next_hop.NextHop"),
    Requirement("9110§12.5.3 accept-encoding-weights", "SHOULD", "The coding that the client weighs most; none where it accepts none.", "content_coding.choose_coding"),
    Requirement("9110§12.5.3 what-cannot-be-read-is-decoded", "SHOULD", "What a client cannot read is decoded for it, stored or not, whole or held in part.", "content_coding.is_unread"),
    Requirement("9110§12.5.5 vary-names-accept-encoding", "SHOULD", "What is coded by preference says so in Vary.", "content_coding.varying_by_coding"),
    Requirement("9110§12.5.5 vary-where-others-get-another-form", "SHOULD", "So does what others get decoded, where it is passed on.", "content_coding.passed_varying"),
)  # fmt: skip

CONDITIONS = (
    Requirement("9110§13.1.1 if-match-strong-comparison", "MUST", "If-Match compares strongly, where it is not left to the origin.", "preconditions.decide_precondition"),
    Requirement("9110§13.1.2 if-none-match-weak-comparison", "MUST", "If-None-Match compares weakly.", "preconditions.decide_precondition"),
    Requirement("9110§13.1.3 if-none-match-rules-it-out", "MUST", "Beside If-None-Match, If-Modified-Since is ignored.", "preconditions.decide_precondition"),
    Requirement("9110§13.1.3 invalid-date-ignored", "MUST", "If-Modified-Since is ignored where it is no single date, or there is no date to compare with.", "preconditions.decide_precondition"),
    Requirement("9110§13.1.3 if-modified-since", "MUST", "If-Modified-Since compares with the origin's own dates, by no clock of ours.", "preconditions.decide_precondition"),
    Requirement("9110§13.1.4 if-unmodified-since", "MUST", "If-Unmodified-Since is ignored beside If-Match, and where there is no date to compare.", "preconditions.decide_precondition"),
    Requirement("9110§13.1.5 if-range-strong", "MUST", "If-Range compares strongly; where it does not hold, Range is ignored.", "ranges.decide_range"),
    Requirement("9110§13.1.5 if-range-without-range-ignored", "MUST", "If-Range without Range is ignored.", "ranges.decide_range"),
    Requirement("9110§13.2.1 conditions-only-where-2xx", "MUST", "Conditions count only where the answer would else be 2xx.", "preconditions.decide_precondition"),
    Requirement("9110§13.2.1 conditions-ignored-for-other-methods", "MUST", "And not for methods that select no representation.", "preconditions.decide_precondition"),
    Requirement("9110§13.2.1 conditions-are-forwarded-where-there-is-no-cache", "MUST NOT", "What cannot be answered here is forwarded with its conditions.", "forwarding.forwarded_request"),
    Requirement("9110§13.2.2 precedence-of-conditions", "MUST", "Conditions are evaluated in the given order.", "answers.compose"),
)  # fmt: skip

RANGES = (
    Requirement("9110§14.1.2 byte-ranges", "", "First and last, open and suffix ranges are understood.", "ranges.decide_range"),
    Requirement("9110§14.1.2 large-numbers-do-not-overflow", "MUST", "Positions of any number of digits are read.", "ranges.decide_range"),
    Requirement("9110§14.2 range-only-for-get-and-200", "MUST", "Range counts for GET alone.", "ranges.decide_range"),
    Requirement("9110§14.2 unknown-range-unit-ignored", "MUST", "Another unit than bytes is ignored.", "ranges.decide_range"),
    Requirement("9110§14.2 invalid-range-ignored", "MAY", "What is no valid range is ignored.", "ranges.decide_range"),
    Requirement("9110§14.4 content-range-with-complete-length", "SHOULD", "Content-Range tells the complete length.", "ranges.content_range"),
    Requirement("9110§14.4 unknown-unit-is-forwarded", "SHOULD", "A part in a unit that is not understood is passed on,", "combining.decide_storing_part"),
    Requirement("9110§14.4 recombine-nothing-invalid", "MUST NOT", "and is never combined, nor one by an invalid Content-Range.", "combining.combine"),
    Requirement("9110§15.2 interim-responses-are-forwarded", "MUST", "Interim responses reach the client, before the final one.", "serve.server.HttpServer"),
    Requirement("9110§15.2 no-interim-response-to-http-1.0", "MUST NOT", "But not a client of HTTP/1.0.", "serve.server.HttpServer"),
    Requirement("9110§15.2.2 no-protocol-is-switched-to-unasked", "MUST NOT", "A 101 that nobody asked for is a failure of the next hop.", "fetch.next_hop.NextHop"),
    Requirement("9110§15.3.7 single-part-206", "MUST", "A single part has its Content-Range, and nothing else has.", "answers.compose"),
    Requirement("9110§15.3.7 fields-of-a-206", "MUST", "A 206 carries the fields that the 200 would.", "answers.compose"),
    Requirement("9110§15.3.7 no-more-fields-after-if-range", "SHOULD NOT", "After If-Range it does not repeat what the client has.", "answers.compose"),
    Requirement("9110§15.3.7.2 multipart-206", "MUST", "Several parts are multipart/byteranges, with no Content-Range of the whole; one range never is.", "answers.compose"),
    Requirement("9110§15.3.7.2 each-part-has-its-own-range-and-type", "MUST", "Each part has its Content-Range, and the type of the representation.", "ranges.multipart"),
    Requirement("9110§15.3.7.2 parts-in-the-order-asked-for", "SHOULD", "Parts come in the order asked for.", "ranges.decide_range"),
    Requirement("9110§15.3.7.3 parts-that-make-a-whole-are-a-200", "MUST", "Parts that make a whole are a whole 200 of its length.", "combining.combine"),
    Requirement("9110§15.4.5 fields-of-a-304", "MUST", "A 304 carries the fields that identify and update a stored response, and no other metadata.", "answers.KEPT_BY_304"),
    Requirement("9110§15.4.5 304-for-the-client-is-forwarded", "SHOULD", "A 304 for a client's own condition is passed on to it.", "serve.passing.Passing"),
    Requirement("9110§15.5.17 unsatisfiable-range-is-416", "SHOULD", "Ranges that all lie beyond the end are a 416.", "ranges.decide_range"),
    Requirement("9110§15.5.17 unsatisfied-range", "SHOULD", "A 416 tells the length.", "answers.compose"),
    Requirement("9110§17.15 egregious-ranges-limited", "SHOULD", "Many small or overlapping ranges are not served.", "ranges.decide_range"),
)  # fmt: skip

EXTENSIONS = (
    Requirement("5861§3 stale-while-revalidate-within-its-window", "MAY", "Within its window, stale is given and validated after.", "reuse.decide_reuse"),
    Requirement("5861§4 stale-if-error-within-its-window", "MAY", "Within its window, stale is given where the next hop fails.", "validation.decide_failure"),
    Requirement("8246§2.1 fresh-immutable-is-not-validated-unless-asked", "SHOULD NOT", "What is immutable is not validated while fresh, but by no-cache.", "reuse.decide_reuse"),
    Requirement("7239§6 node-syntax", "", "Forwarded tells addresses as it defines them.", "forwarding.forwarded_request"),
    Requirement("8586§2 loop-detected", "", "A request that has been here is known by CDN-Loop.", "forwarding.is_loop"),
    Requirement("9112§6.3 octets-after-a-response-are-none", "MUST NOT", "What a server sends after a whole response is no part of it, and no other response.", "fetch.one_response.OneResponse"),
    Requirement("9209§2 member-is-token-or-string", "MUST", "Proxy-Status names us by a token or a string.", "proxy_status.render"),
    Requirement("9209§2 members-of-others-preserved", "MUST", "And keeps the members of others.", "proxy_status.add_proxy_status"),
    Requirement("9209§2.1.1 recommended-status", "", "An error of the next hop has the status recommended for it.", "proxy_status.recommended_status"),
    Requirement("9211§2 member-is-token-or-string", "MUST", "Cache-Status names us by a token or a string.", "cache_status.render"),
    Requirement("9211§2 cache-status-member", "", "A tier tells how it handled the request.", "cache_status.render"),
    Requirement("9211§2 members-in-order", "", "Members stand in the order of the tiers, the origin's first.", "cache_status.add_cache_status"),
    Requirement("9213§2.1 wrong-types-are-not-consumed", "SHOULD NOT", "A value of another type than its directive has is not used.", "targeted.effective_directives"),
    Requirement("9213§2.1 invalid-or-empty-field-is-ignored", "MUST", "A targeted field that is empty or not valid is ignored.", "targeted.effective_directives"),
    Requirement("9213§2.2 targeted-field-replaces-cache-control-and-expires", "MUST", "Beside the first valid one, Cache-Control and Expires are ignored.", "targeted.effective_directives"),
    Requirement("9213§3.1 cdn-cache-control-forwarded", "", "CDN-Cache-Control goes on to CDNs nearer the client.", "forwarding.returned_fields"),
    Requirement("9875§3 groups-are-invalidated", "", "An unsafe request invalidates the groups that its response names.", "invalidation.invalidated_groups"),
    Requirement("9875§3 ignored-on-safe-methods", "MUST", "A safe one does not.", "invalidation.invalidated_groups"),
)  # fmt: skip

SECTIONS = (
    ("RFC 9111 §1–3: storing", STORING),
    ("RFC 9111 §4, §4.1: reuse and selection", REUSE),
    ("RFC 9111 §4.2: freshness", FRESHNESS),
    ("RFC 9111 §4.3, §4.4: validation and invalidation", VALIDATION),
    ("RFC 9111 §5: fields and directives", DIRECTIVES),
    ("RFC 9110 §5–12: messages, intermediaries, entity tags, codings", MESSAGES),
    ("RFC 9110 §13: conditional requests", CONDITIONS),
    ("RFC 9110 §14–17: ranges, 206, 304, 416", RANGES),
    ("Framing and extensions: RFC 5861, 7239, 8246, 8586, 9112, 9209, 9211, 9213, 9875", EXTENSIONS),
)
"""The page, section by section."""

REQUIREMENTS = tuple(one for _, rows in SECTIONS for one in rows)
