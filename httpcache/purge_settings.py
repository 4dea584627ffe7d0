"""Settings of purge: keys, log, feed, and what they are bounded by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from httpcache.setting_kinds import BusUrls, Conflict, Group, Seconds, Size

TOKENS = 900.0
"""What a purge log on a bus keeps at the least, in seconds: as long as an operator's token may come a second time."""


class PurgeSettings(Group):
    """Signed orders, their log and the feed."""

    keys: str = ""
    """File of the operators' public keys (JWK set). Empty: operators.jwks in the data folder, made at first start."""
    nodes: str = ""
    """File of the nodes' public keys (JWK set). Empty: nodes.jwks in the node's data folder."""
    audience: str = "edgeward"
    """What the `aud` claim of an order must be."""
    enrol: Literal["loopback", "never"] = "loopback"
    """Whether a node that connects from this machine is enrolled with the key that it shows, once per name."""
    log_at: str = ""
    """URL of the admin listener that keeps the purge log. Empty: the first shield's host, and its port plus 1000
    (minus 1000 above 64535)."""
    bus: BusUrls = ""
    """NATS servers on which the purge log lives (JetStream), as in "nats://10.0.0.5:4222", several by commas.
    Empty: a node keeps it, see `log_at`."""
    bus_name: str = Field(default="edgeward", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """How the names of the stream and the bucket on the bus begin."""
    bus_replicas: int = Field(default=1, ge=1, le=5)
    """Servers of the NATS cluster that keep each order."""
    lag_limit: Seconds = 30.0
    """How long a worker may be cut off from the log before `when_cut_off` holds, in seconds."""
    when_cut_off: Literal["validate", "serve-stale", "refuse"] = "validate"
    """What a worker does when it is cut off from the log: it validates what is stored before it uses it, uses it as it
    is (a purge may have been missed), or answers GET and HEAD with 503."""
    heartbeat: Annotated[float, Field(gt=0)] = 2.0
    """Longest silence of the feed, in seconds."""
    log_age: Seconds = 30 * 86400.0
    """Orders older than this are dropped from the log, in seconds."""
    log_count: int = Field(default=1_000_000, ge=1)
    """Orders kept in the log at the most."""
    watermarks: int = Field(default=200_000, ge=16)
    """Watermarks kept by one worker; beyond it the oldest are folded into one for everything."""
    give_back_after: Seconds = 5.0
    """How long after a hard order what it wants gone gives its space back, in seconds; 0 leaves that to eviction."""
    targets: int = Field(default=1000, ge=1)
    """Targets in one order at the most."""
    orders: int = Field(default=1000, ge=1)
    """Orders in one batch at the most."""
    shared_keys: tuple[str, ...] = ()
    """Ids (kid) of keys in `keys` that may be shared secrets (HS256): who can verify such a token can also sign one."""
    failures: int = Field(default=20, ge=0)
    """Failed attempts from one address within `failures_window` before more are refused with 429; 0 is no limit."""
    failures_window: Annotated[float, Field(gt=0)] = 60.0
    """The time in which failed attempts are forgotten, in seconds."""
    audit_size: Size = 8 * 2**20
    """Bytes of purge/audit.log in the data folder before it is put aside."""
    audit_files: int = Field(default=8, ge=1)
    """Audit logs put aside that are kept."""
    count_time: Seconds = 5.0
    """Longest look of a worker through its disk store for a dry order, in seconds; the rest is estimated from it."""

    def conflicts(self) -> Iterator[Conflict]:
        """Silence would count as cut off; and a log lives in one place."""
        if self.heartbeat >= self.lag_limit:
            named, other, than = ("heartbeat", "lag_limit", "shorter")
            if named not in self.model_fields_set:
                named, other, than = ("lag_limit", "heartbeat", "longer")
            other_is = f"`purge.{other}`, which is {getattr(self, other):g} s"
            yield Conflict(
                (named,), ((other,),), f"must be {than} than {other_is}, or silence would count as cut off"
            )
        if self.bus and self.log_at:
            yield Conflict(
                ("log_at",), (("bus",),), "names a node that keeps the log, but with `purge.bus` none does"
            )
        if self.bus and not self.keys:
            yield Conflict(
                ("bus",), (("keys",),), "needs `purge.keys`, the operators' public keys, at every node"
            )
        if self.bus and self.log_age < TOKENS:
            yield Conflict(
                ("log_age",),
                (("bus",),),
                f"must be {TOKENS:g} s or more with `purge.bus`: so long may a token come again",
            )
