# ruff: noqa: N802 -- the callbacks bear ibapi's names
"""Requests as bytes, written by ibapi's own `EClient` onto a sheet of paper instead of a socket.

`EClient` catches every exception of its own and reports it through `error`; here that becomes a RequestRefused, and a
call that did not write exactly one frame is an error too. Nothing is sent from here: `Transport.send` decides what may.
"""

from typing import Any

from ibapi.client import EClient

from ingest.errors import RequestRefused
from ingest.gateway.faults import Reaction

SCHEDULE = "SCHEDULE"
_EPOCH_SECONDS = 2  # formatDate: no zone names, no DST folds, no warning 2174; daily bars stay yyyymmdd
_CANCEL_CONTRACTS_FROM = 215
_ONE_DAY = "1 day"  # the only bar size SCHEDULE takes (10295)


class Encoder:
    """Encodes for one session at one server version. Every method gives one whole frame, length prefix included."""

    def __init__(self, server_version: int, client_id: int) -> None:
        self._paper = _Paper()
        self._client = EClient(self._paper)
        self._client.conn = self._paper
        self._client.serverVersion_ = server_version
        self._client.clientId = client_id
        self._client.setConnState(EClient.CONNECTED)

    @property
    def client(self) -> Any:
        """ibapi's client, for the test that enumerates everything it could send."""
        return self._client

    def start_api(self) -> bytes:
        return self._written("startApi")

    def current_time(self) -> bytes:
        return self._written("reqCurrentTime")

    def contract_details(self, request_id: int, contract: Any) -> bytes:
        return self._written("reqContractDetails", request_id, contract)

    def cancel_contract_details(self, request_id: int) -> bytes | None:
        """None below 215, where nothing can cancel them."""
        if self._client.serverVersion() < _CANCEL_CONTRACTS_FROM:
            return None
        return self._written("cancelContractData", request_id)

    def matching_symbols(self, request_id: int, pattern: str) -> bytes:
        return self._written("reqMatchingSymbols", request_id, pattern)

    def head_timestamp(self, request_id: int, contract: Any, what: str, use_rth: bool) -> bytes:
        return self._written("reqHeadTimeStamp", request_id, contract, what, int(use_rth), _EPOCH_SECONDS)

    def cancel_head_timestamp(self, request_id: int) -> bytes:
        return self._written("cancelHeadTimeStamp", request_id)

    def historical_bars(
        self, request_id: int, contract: Any, *, end: str, duration: str, bar_size: str, what: str, use_rth: bool
    ) -> bytes:
        """`end` as `yyyymmdd-hh:mm:ss` in UTC or empty for now; never keepUpToDate."""
        return self._written(
            "reqHistoricalData",
            request_id,
            contract,
            end,
            duration,
            bar_size,
            what,
            int(use_rth),
            _EPOCH_SECONDS,
            False,
            [],
        )

    def schedule(self, request_id: int, contract: Any, *, end: str, duration: str, use_rth: bool) -> bytes:
        return self.historical_bars(
            request_id, contract, end=end, duration=duration, bar_size=_ONE_DAY, what=SCHEDULE, use_rth=use_rth
        )

    def cancel_historical_bars(self, request_id: int) -> bytes:
        return self._written("cancelHistoricalData", request_id)

    def _written(self, method: str, *arguments: object) -> bytes:
        self._paper.clear()
        getattr(self._client, method)(*arguments)
        if self._paper.complaint is None and len(self._paper.frames) == 1:
            return self._paper.frames[0]
        code, text = self._paper.complaint or (None, f"{len(self._paper.frames)} frames were written")
        refused = RequestRefused(f"{method} cannot be encoded: {text}", code=code, text=text, permanent=True)
        refused.reaction = Reaction.CLIENT_BUG
        raise refused


class _Paper:
    """ibapi's connection and its error callback in one: what would be sent, and what it complained about."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.complaint: tuple[int, str] | None = None

    def clear(self) -> None:
        self.frames.clear()
        self.complaint = None

    def sendMsg(self, frame: bytes) -> int:
        self.frames.append(frame)
        return len(frame)

    def isConnected(self) -> bool:
        return True

    def error(self, request_id: int, moment: int, code: int, text: str, rejected: str = "") -> None:
        self.complaint = (code, text)
