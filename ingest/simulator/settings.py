"""Everything about a simulated Gateway that can be chosen, as one value."""

from dataclasses import dataclass, field
from typing import Literal

from ingest.simulator.faults.script import FaultScript
from ingest.simulator.manners.latency import Latency
from ingest.simulator.wire.times import zone
from ingest.simulator.wire.versions import NEWEST, OLDEST


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Defaults are those of a well-behaved Gateway; tests usually set `latency=Latency(0, 0)`.

    `time_zone` is the Gateway's own: zone-less end times are read in it, versions before 174 get their dates in it, and
    `zone_attributes="operator"` writes every date in it instead of the instrument's zone. `pacing` says what happens to
    a request that breaks a rule: refused with 162, delayed until it breaks none, or nothing. `message_rate_rule` is the
    same for more than `message_rate` messages a second ("reject" answers 100 and hangs up at the third strike).
    """

    host: str = "127.0.0.1"
    port: int = 0
    accounts: tuple[str, ...] = ("SIM0000001",)
    max_version: int = NEWEST
    next_valid_id: int = 1
    time_zone: str = "US/Eastern"
    zone_attributes: Literal["instrument", "operator"] = "instrument"
    connection_zone: str = ""
    latency: Latency = field(default_factory=Latency)
    hmds_concurrency: int | None = None
    open_limit: int = 50
    pacing: Literal["enforce", "apply", "off"] = "enforce"
    message_rate: int = 50
    message_rate_rule: Literal["reject", "pace", "off"] = "reject"
    answer_cache_bytes: int = 64 * 2**20
    faults: FaultScript = field(default_factory=FaultScript)

    def __post_init__(self) -> None:
        if not self.accounts or not all(name.startswith("SIM") for name in self.accounts):
            # Nothing that stores bars may ever take simulated ones for real, and the account is how it tells.
            raise ValueError(f"a simulated account begins with SIM: {self.accounts}")
        if not OLDEST <= self.max_version <= NEWEST:
            raise ValueError(f"server version {self.max_version} is not within {OLDEST}..{NEWEST}")
        if self.hmds_concurrency is not None and self.hmds_concurrency < 1:
            raise ValueError("the history service needs room for at least one request")
        zone(self.time_zone)
