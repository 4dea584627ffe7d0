"""Every setting: default, unit, bounds, meaning. `docs/settings.md` is printed from here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator

from httpcache.purge_settings import PurgeSettings
from httpcache.setting_kinds import (
    Address,
    AdminAddress,
    Conflict,
    Group,
    Host,
    Network,
    Path,
    Prefix,
    Seconds,
    ServerUrl,
    Size,
    split_address,
)

ONE_BY_ONE = "one by one"
"""Context of a validation that looks at each setting by itself; what goes together is asked of `conflicts` then."""


class StoreSettings(Group):
    """What is kept, and how much of it."""

    ram: Size = 256 * 2**20
    """Budget of the RAM store of each worker, in bytes; counts what an entry costs beside its body."""
    disk: Size = 10 * 2**30
    """Budget of the disk store of the node, in bytes; 0 keeps everything in RAM."""
    largest: Size = 8 * 2**30
    """Bodies larger than this are forwarded and not stored, in bytes."""
    arriving: float = Field(default=0.5, gt=0, le=0.9)
    """Share of the disk budget that bodies may take while they arrive, all together; a larger one is not stored."""
    segment: Annotated[Size, Field(ge=64 * 2**10)] = 2**20
    """Size of the segments a body is cut in, in bytes."""
    variants: int = Field(default=32, ge=1)
    """Stored responses for one cache key (Vary); the oldest goes when one more comes."""
    queue: Size = 64 * 2**20
    """Bytes that may wait to be written to disk; beyond it responses are not stored on disk."""


class FetchSettings(Group):
    """How the next hop is asked."""

    connect_timeout: Seconds = 3.0
    """Longest wait for the next hop to accept a connection, in seconds."""
    down_for: Seconds = 1.0
    """How long a shield that could not be reached is asked last, in seconds; doubled each time, up to 32 times that."""
    first_byte_timeout: Seconds = 30.0
    """Longest wait from the request to the head of the response, in seconds."""
    between_bytes_timeout: Seconds = 15.0
    """Longest silence within a response body, in seconds."""
    minimum_rate: Size = 0
    """Least rate of a response body, in bytes a second; a slower one is broken off. 0 is any."""
    rate_window: Annotated[float, Field(gt=0)] = 30.0
    """Seconds of waiting for a response body over which its rate is measured."""
    head_size: Annotated[Size, Field(ge=1024)] = 64 * 2**10
    """Largest head of a response, all of its lines, in bytes; a larger one is an error of the next hop (502)."""
    fields: int = Field(default=200, ge=16)
    """Most field lines of a response; more is an error of the next hop (502)."""
    connections: int = Field(default=256, ge=1)
    """Requests under way to one next hop from one worker; more wait for their turn."""
    turn_timeout: Seconds = 10.0
    """Longest wait for a turn at a next hop, in seconds; then the answer is a stale one, or 503. 0 is any."""
    keepalive: Seconds = 30.0
    """How long an idle connection to the next hop is kept, in seconds."""
    longest_wait: Seconds = 30.0
    """Longest wait of a collapsed request for the head of another's fetch, in seconds; then it goes forward itself."""
    uncollapsible: Seconds = 10.0
    """How long a key whose response could not be stored is remembered as not collapsible, in seconds."""
    held_in_ram: Size = 8 * 2**20
    """Bytes of one arriving body held in RAM; what is beyond goes to disk as it comes."""
    held_in_all: Size = 128 * 2**20
    """Bytes of all arriving bodies of a worker held in RAM; one that begins beyond it holds a segment, others less."""
    finish_abandoned: float = Field(default=0.5, ge=0, le=1)
    """Share of a body that must have come for its fetch to be finished when nobody reads it any more; 0 is always."""
    resumptions: int = Field(default=3, ge=0)
    """Times that one body with a strong ETag that ends too early is asked for again from there; 0 is never."""
    whole_up_to: Size = 8 * 2**20
    """Largest body fetched whole for a range without a strong ETag to tell that pieces fit, or for a 304, in bytes."""


class ServeSettings(Group):
    """How clients are answered."""

    connections: int = Field(default=8192, ge=1)
    """Client connections of one worker. One more takes the place of an idle one, or is refused with 503."""
    head_size: Annotated[Size, Field(ge=256)] = 32 * 2**10
    """Largest head of a request, in bytes: request line and field lines together; more is refused with 431."""
    head_timeout: Seconds = 15.0
    """Longest time from the first octet of a head, or from the connection, to its end, in seconds; then 408."""
    url_length: int = Field(default=8192, ge=64)
    """Longest request target, in octets; a longer one is refused with 414."""
    fields: int = Field(default=100, ge=1)
    """Most field lines of a request; more is refused with 431."""
    request_body: Size = 0
    """Largest request body that is forwarded, in bytes; 0 is without limit. A larger one is refused with 413."""
    body_timeout: Seconds = 30.0
    """Longest silence within a request body while it is read, in seconds; then 408. 0 is any."""
    send_timeout: Seconds = 60.0
    """How long a client may take nothing of an answer that waits for it, in seconds; then it is cut off. 0 is any."""
    minimum_rate: Size = 512
    """Least rate at which a client takes answers and sends request bodies, in bytes a second. 0 is any."""
    rate_window: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of waiting for a client over which its rate is measured."""
    heads: Size = 16 * 2**20
    """Request heads that a worker remembers, to answer them from RAM at once, in bytes; 0 turns its fast lane off."""
    idle_timeout: Seconds = 75.0
    """How long a connection without a request is kept, in seconds."""
    drain: Seconds = 30.0
    """Longest wait for requests under way at SIGTERM or SIGINT, in seconds."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed, as in "10.0.0.0/8"."""


class CodingSettings(Group):
    """Content codings made and undone here, once, and stored."""

    codings: tuple[Literal["br", "zstd", "gzip"], ...] = ("br", "zstd", "gzip")
    """Codings that are made, in order of preference; none when empty."""
    types: tuple[str, ...] = (
        "text/*",
        "application/json",
        "application/*+json",
        "application/javascript",
        "application/xml",
        "application/*+xml",
        "application/wasm",
        "application/manifest+json",
        "application/vnd.ms-fontobject",
        "font/ttf",
        "font/otf",
        "image/svg+xml",
        "image/x-icon",
        "image/bmp",
    )
    """Media types that are coded; * stands for any run of characters."""
    smallest: Size = 2**10
    """Bodies smaller than this are not coded, in bytes."""
    largest: Size = 64 * 2**20
    """Bodies larger than this are not coded, in bytes."""
    br_quality: int = Field(default=5, ge=0, le=11)
    """Quality of brotli, 0 (fast) to 11 (small)."""
    often: int = Field(default=64, ge=0)
    """Answers with a br form after which it is made once more, at `br_high_quality`; 0 is never."""
    br_high_quality: int = Field(default=11, ge=0, le=11)
    """Quality of brotli for what is asked for often."""
    high_smallest: Size = 4 * 2**10
    """Bodies smaller than this are not made once more, in bytes: what that spares them fits in no packet less."""
    high_largest: Size = 4 * 2**20
    """Bodies larger than this are not made once more, in bytes."""
    zstd_level: int = Field(default=9, ge=1, le=22)
    """Level of zstd, 1 (fast) to 22 (small)."""
    gzip_level: int = Field(default=6, ge=1, le=9)
    """Level of gzip, 1 (fast) to 9 (small)."""
    decodes: bool = True
    """Whether content that came in br, zstd or gzip is decoded for clients that cannot read it."""
    decoded_largest: Size = 2**30
    """Content that grows beyond this when it is decoded is broken off, in bytes."""

    def conflicts(self) -> Iterator[Conflict]:
        """Sizes between which nothing lies."""
        yield from self.in_order("smallest", "largest", "coding.")
        yield from self.in_order("high_smallest", "high_largest", "coding.")


class ObserveSettings(Group):
    """What is told of the work."""

    access_log: str = ""
    """File of the access log (JSON lines); "-" is standard error, empty is none."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Level of the program's own log."""


class SitePolicy(Group):
    """What holds for the requests of one host and path prefix, beside the RFCs. Defaults follow the RFCs alone."""

    host: Host = "*"
    """Host this policy is for; "*" is any, "*.example.com" any below it."""
    prefix: Prefix = "/"
    """Path prefix this policy is for; of several that fit, the longest wins, a named host before "*"."""
    bypass: bool = False
    """Forward everything, store and reuse nothing."""
    default_ttl: Seconds | None = None
    """Freshness lifetime of a response that gives none, in seconds."""
    min_ttl: Seconds | None = None
    """Least freshness lifetime of a response that may be stored, in seconds."""
    max_ttl: Seconds | None = None
    """Greatest freshness lifetime, in seconds."""
    status_ttl: dict[int, Seconds] = Field(default_factory=dict)
    """Freshness lifetime by status where the response gives none, in seconds, as in {404 = 10}."""
    query: Literal["keep", "ignore"] = "keep"
    """Whether the query is part of the cache key."""
    query_only: tuple[str, ...] = ()
    """Query parameters that are part of the cache key; all others are left out. Empty: all."""
    query_without: tuple[str, ...] = ()
    """Query parameters left out of the cache key, as in ["utm_*", "fbclid"]."""
    query_sorted: bool = False
    """Whether the order of query parameters is ignored in the cache key."""
    cookies: tuple[str, ...] = ()
    """Cookies whose values are part of the cache key."""
    set_cookie: Literal["strip", "refuse"] = "refuse"
    """A response with Set-Cookie that is explicitly public: stored without the field, or not stored."""

    def conflicts(self) -> Iterator[Conflict]:
        """Lifetimes between which nothing lies, and rules for a query that is left out."""
        yield from self.in_order("min_ttl", "max_ttl")
        for name in ("query_only", "query_without", "query_sorted"):
            if self.query == "ignore" and getattr(self, name):
                yield Conflict(
                    (name,), (("query",),), 'has no effect: `query = "ignore"` leaves out all of the query'
                )


class Settings(Group):
    """All settings of one node."""

    tier: Literal["edge", "shield"] = "edge"
    """Which tier the node is; the command sets it."""
    name: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """Name of the node, in Via, Cache-Status and receipts. Empty: the tier and the port, as in edge-8080."""
    listen: Address = "127.0.0.1:8080"
    """Address for clients (of a shield: for edges)."""
    admin: AdminAddress = ""
    """Address of the admin listener. Empty: 127.0.0.1, and the port of `listen` plus 1000; minus 1000 above 64535."""
    data: str = ""
    """Data folder of the node. Empty: edgeward-data/NAME in the working directory."""
    workers: int = Field(default=1, ge=1, le=256)
    """Worker processes on one port."""
    origin: ServerUrl | None = None
    """The default origin: scheme, host and port."""
    shields: tuple[ServerUrl, ...] = ()
    """Shields that an edge asks, by rendezvous hashing of the cache key."""
    origin_without_shield: bool = False
    """Whether an edge asks the origin itself while no shield can be reached."""
    origins: dict[Host, ServerUrl] = Field(default_factory=dict)
    """Origins by host, as in {"www.example.com" = "http://10.0.0.5"}; others go to `origin`."""
    origin_host: Literal["client", "origin"] = "client"
    """The Host sent to the origin: the client's, or the origin's own name."""
    store: StoreSettings = StoreSettings()
    fetch: FetchSettings = FetchSettings()
    serve: ServeSettings = ServeSettings()
    coding: CodingSettings = CodingSettings()
    purge: PurgeSettings = PurgeSettings()
    observe: ObserveSettings = ObserveSettings()
    sites: tuple[SitePolicy, ...] = ()
    """Policies by host and path prefix."""

    @model_validator(mode="after")
    def _check_conflicts(self, info: ValidationInfo) -> Settings:
        if info.context != ONE_BY_ONE and (conflict := next(self.conflicts(), None)):
            raise ValueError(f"`{'.'.join(map(str, conflict.path))}` {conflict.message}")
        return self

    def conflicts(self) -> Iterator[Conflict]:
        """What does not go together, here and in every table."""
        origins: tuple[Path, ...] = (("origin",), ("origins",))
        if self.tier == "shield" and self.shields:
            yield Conflict(("shields",), (("tier",),), "is for edges: a shield asks origins")
        if not (self.origin or self.shields or self.origins):
            wanted = "`origin` or `origins`" if self.tier == "shield" else "`shields`, `origin` or `origins`"
            yield Conflict(("origin",), (*origins, ("shields",), ("tier",)), f"no next hop: give {wanted}")
        elif self.origin_without_shield and not (self.origin or self.origins):
            yield Conflict(("origin_without_shield",), origins, "needs `origin` or `origins`")
        for name in type(self).model_fields:
            if isinstance(group := getattr(self, name), Group):
                yield from (one.within(name) for one in group.conflicts())
        for index, site in enumerate(self.sites):
            yield from (one.within("sites", index) for one in site.conflicts())

    @property
    def node_name(self) -> str:
        """The name of the node, given or made from tier and port."""
        return self.name or f"{self.tier}-{split_address(self.listen)[1]}"

    @property
    def admin_address(self) -> tuple[str, int]:
        """Host and port of the admin listener, given or made from `listen`."""
        if self.admin:
            return split_address(self.admin)
        return "127.0.0.1", admin_port(split_address(self.listen)[1])

    @property
    def data_folder(self) -> str:
        """The data folder, given or made from the node's name."""
        return self.data or f"edgeward-data/{self.node_name}"

    @property
    def keeps_log(self) -> bool:
        """Whether this node keeps the purge log: a shield or an edge that is alone, or the one that `log_at` names."""
        if self.purge.bus:
            return True  # a mirror of it
        if self.purge.log_at:
            return self._is_own_admin(self.purge.log_at)
        return not self.shields

    def _is_own_admin(self, url: str) -> bool:
        host, port = self.admin_address
        return url.removesuffix("/") == f"http://{f'[{host}]' if ':' in host else host}:{port}"


def admin_port(port: int) -> int:
    """The port of the admin listener where none is given: 1000 above, or below when there is none above."""
    return port + 1000 if port + 1000 <= 65535 else port - 1000
