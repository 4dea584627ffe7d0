"""Prints docs/metrics.md from the code: python -m edgeward.metrics_page > docs/metrics.md."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from httpcache.observe import metrics

HEAD = """# Metrics

`GET /metrics` on the admin listener, in Prometheus' text format, summed over the workers of the node (of lags the
greatest, of orders applied the least). This page is printed from the code.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The page."""
    rows = []
    for metric in vars(metrics).values():
        if not isinstance(metric, Counter | Gauge | Histogram):
            continue
        (family,) = metric.describe()
        name = f"{family.name}_total" if isinstance(metric, Counter) else family.name
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return HEAD + "\n".join(sorted(rows)) + "\n"


if __name__ == "__main__":
    print(page(), end="")
