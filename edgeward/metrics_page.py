"""Prints docs/metrics.md from the code: python -m edgeward.metrics_page > docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from httpcache.fetch.collapse import Outcome
from httpcache.observe import metrics
from httpcache.rules.content_coding import DECODABLE
from httpcache.rules.decisions import Served
from httpcache.rules.proxy_status import ProxyError
from httpcache.store.counts import Fault

HEAD = """# Metrics

`GET /metrics` on the admin listener, in Prometheus' text format, summed over the workers of the node (of lags the
greatest, of orders applied the least). This page is printed from the code.

| metric | type | labels | meaning |
|---|---|---|---|
"""

LABELS = """
## Values of labels

A value is there once it has been counted.

| label | of | values |
|---|---|---|
"""

RESULT = (
    "the status of the response, as `200`; where none came, the error, by its name in Proxy-Status (RFC 9209)"
)

VALUES: dict[tuple[str, Iterable[str]], tuple[str, Iterable[str]]] = {
    ("served", ("edgeward_requests", "edgeward_response_bytes", "edgeward_request_seconds")): ("", Served),
    ("outcome", ("edgeward_collapsed",)): ("", Outcome),
    ("outcome", ("edgeward_resumed",)): ("", metrics.Resumption),
    ("limit", ("edgeward_clients_cut",)): ("", metrics.Limit),
    ("kind", ("edgeward_store_faults",)): ("", Fault),
    ("coding", ("edgeward_coded",)): ("`identity` is content decoded here", [*sorted(DECODABLE), "identity"]),
    ("store", ("edgeward_store_bytes", "edgeward_store_budget_bytes", "edgeward_purge_given_back")): (
        "",
        metrics.Place,
    ),
    ("store", ("edgeward_store_responses",)): ("", [metrics.Place.RAM]),
    ("result", ("edgeward_next_hop_requests",)): (RESULT, ProxyError),
}
"""Label and families that have it: what is to be said of its values, and the values."""


def page() -> str:
    """The page."""
    rows = []
    for metric in families():
        (family,) = metric.describe()
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        rows.append(f"| `{_name(metric)}` | {family.type} | {labels} | {family.documentation} |")
    return HEAD + "\n".join(sorted(rows)) + "\n" + LABELS + "\n".join(sorted(_values())) + "\n"


def families() -> list[Counter | Gauge | Histogram]:
    """All that is counted."""
    return [one for one in vars(metrics).values() if isinstance(one, Counter | Gauge | Histogram)]


def _name(metric: Counter | Gauge | Histogram) -> str:
    (family,) = metric.describe()
    return f"{family.name}_total" if isinstance(metric, Counter) else family.name


def _values() -> Iterable[str]:
    names = {family.name: _name(metric) for metric in families() for family in metric.describe()}
    for (label, of), (said, values) in VALUES.items():
        told = ", ".join(f"`{value}`" for value in values)
        metric = ", ".join(f"`{names[family]}`" for family in of)
        yield f"| `{label}` | {metric} | {f'{said}: ' if said else ''}{told} |"


if __name__ == "__main__":
    print(page(), end="")
