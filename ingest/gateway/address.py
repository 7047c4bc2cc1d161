"""Where a gateway is and how long to wait for it: `GatewayAddress` and `Deadlines`."""

from dataclasses import dataclass

from ingest.gateway.handshake import NEWEST, OLDEST


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """One API endpoint. `login_name` owns the pacing budget: all clients of one IB login share it.

    `max_server_version` caps the protocol: up to 200 it is text (best evidenced), from 201 to 225 protobuf.
    """

    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 0
    login_name: str = "default"
    max_server_version: int = 200

    def __post_init__(self) -> None:
        if not 0 < self.port < 65_536:
            raise ValueError(f"{self.port} is not a port; IB Gateway listens on 4001 or 4002, TWS on 7496 or 7497")
        if self.client_id < 0:
            raise ValueError(f"the client id must be 0 or more, not {self.client_id}")
        if not OLDEST <= self.max_server_version <= NEWEST:
            raise ValueError(f"the server version must be {OLDEST} to {NEWEST}, not {self.max_server_version}")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds until something counts as failed. IB itself never times anything out.

    `heartbeat_interval` must be 5 s or more: gateways suppress current-time requests that come closer together.
    """

    connect: float = 10.0
    handshake: float = 10.0
    session: float = 20.0  # startApi → managedAccounts and nextValidId
    lookup: float = 60.0  # contract details and symbol search; IB paces options internally
    head: float = 60.0
    schedule: float = 60.0
    current_time: float = 15.0
    heartbeat_interval: float = 30.0
    close: float = 5.0
    reconnect: float = 900.0  # how long a lost gateway is sought again; a daily restart takes some minutes
    outage: float = 18_000.0  # how long IB may be out of reach behind an open session; Friday's reset takes four hours

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"the deadline {name} must be positive, not {getattr(self, name)}")
        if self.heartbeat_interval < 5:
            raise ValueError(f"the heartbeat interval must be 5 s or more, not {self.heartbeat_interval:g}")
