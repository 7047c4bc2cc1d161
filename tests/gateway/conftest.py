"""Gateways on real sockets. Their clock runs ten times as fast, so that deadlines of seconds pass in tenths."""

from dataclasses import replace
from typing import TypeVar

import pytest

from ingest.clock import SystemClock
from ingest.domain.answer import RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.errors import AnswerBroken, GatewayLost, PacingViolation, RequestRefused, RequestTimedOut
from ingest.gateway.address import Deadlines, GatewayAddress
from ingest.gateway.client import Gateway
from ingest.gateway.faults import Fault
from ingest.gateway.gate import PacedGate
from ingest.gateway.pacing import Pacer
from tests.given import AAPL, at

PATIENT = Deadlines()
SHORT = Deadlines(connect=3, handshake=3, session=3, lookup=3, head=3, schedule=3, current_time=3, reconnect=10)
MINUTES = Series(AAPL, BarSize.MIN_1, WhatToShow.TRADES)
REQUEST = HistoricalRequest(MINUTES, at("2024-01-10 12:00"), Duration(1, "D"))
OTHER = HistoricalRequest(replace(MINUTES, bar_size=BarSize.MIN_5), at("2024-01-10 12:00"), Duration(1, "D"))

E = TypeVar("E", RequestRefused, RequestTimedOut, PacingViolation, AnswerBroken, GatewayLost)


class Heard:
    """What a gateway told its listeners."""

    def __init__(self) -> None:
        self.notices: list[Fault] = []
        self.records: list[RequestRecord] = []


def gateway_at(
    port: int,
    *,
    version: int = 200,
    deadlines: Deadlines = PATIENT,
    heard: Heard | None = None,
    scale: float = 10.0,
) -> Gateway:
    clock = SystemClock(scale=scale)
    return Gateway(
        GatewayAddress(port=port, client_id=7, login_name="main", max_server_version=version),
        clock,
        PacedGate(Pacer(), clock),
        deadlines,
        on_notice=heard.notices.append if heard else None,
        on_record=heard.records.append if heard else None,
    )


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def failing(gateway: Gateway, kind: type[E], request: HistoricalRequest = REQUEST, *, seconds: float = 60) -> E:
    """Ask for bars and expect this error, with the record of the request."""
    with pytest.raises(kind) as found:
        await gateway.historical_bars(request, None, seconds)
    record = found.value.record
    assert isinstance(record, RequestRecord)
    assert record.ended_at is not None
    return found.value
