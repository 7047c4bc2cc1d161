"""What makes an answer complete: one collector per kind of request. Pure; fed with events, gives the result or None.

Bars are complete at their end marker (in the message itself below 196, message 108 or 308 from then on), never before;
after an error there is no end marker, so `Session` ends such a request itself.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Protocol, TypeVar

from ibapi.contract import ContractDetails

from ingest.domain.bars import BarBatch
from ingest.domain.request import Session as TradingSession
from ingest.domain.window import Window
from ingest.gateway import bulk
from ingest.gateway.bulk_text import SEPARATE_END_FROM
from ingest.gateway.events import (
    BarsEnd,
    BarsFrame,
    ContractFound,
    ContractsEnd,
    Event,
    HeadFound,
    ScheduleFound,
    SymbolMatch,
    SymbolsFound,
)
from ingest.gateway.times import find_zone, parse_day, parse_moment

PROTOBUF_BARS_FROM = 208

T_co = TypeVar("T_co", covariant=True)


class Collector(Protocol[T_co]):
    """Takes the events of one request. `take` gives the answer once it is complete; raises AnswerBroken.

    `misses_silently` says that an answer with a message lost on the way would look complete.
    """

    @property
    def misses_silently(self) -> bool: ...

    def take(self, event: Event) -> T_co | None: ...


@dataclass(slots=True)
class BarsCollector:
    """Bars of one request; all messages of the answer as one sorted batch."""

    server_version: int
    daily: bool
    frames: list[BarsFrame] = field(default_factory=list)

    @property
    def misses_silently(self) -> bool:
        return not self._is_text

    @property
    def _is_text(self) -> bool:
        return self.server_version < PROTOBUF_BARS_FROM

    def take(self, event: Event) -> BarBatch | None:
        match event:
            case BarsFrame():
                self.frames.append(event)
                return self._batch() if self.server_version < SEPARATE_END_FROM else None
            case BarsEnd():
                return self._batch()
            case ScheduleFound():
                raise bulk.broken("sessions came instead of bars")
        return None

    def _batch(self) -> BarBatch:
        if self._is_text and len(self.frames) != 1:
            raise bulk.broken(f"an end marker came with {len(self.frames)} lists of bars, not with one")
        tables = [
            bulk.decode(frame.message_id, frame.body, self.server_version, daily=self.daily) for frame in self.frames
        ]
        return BarBatch(bulk.join(tables))


@dataclass(slots=True)
class ContractsCollector:
    found: list[ContractDetails] = field(default_factory=list)
    misses_silently: bool = True

    def take(self, event: Event) -> tuple[ContractDetails, ...] | None:
        match event:
            case ContractFound(details=details):
                self.found.append(details)
            case ContractsEnd():
                return tuple(self.found)
        return None


class SymbolsCollector:
    misses_silently = False

    def take(self, event: Event) -> tuple[SymbolMatch, ...] | None:
        return event.matches if isinstance(event, SymbolsFound) else None


class HeadCollector:
    """The first moment of a series. IB writes epoch seconds, or the dash form, which is UTC."""

    misses_silently = False

    def take(self, event: Event) -> datetime | None:
        if not isinstance(event, HeadFound):
            return None
        try:
            return parse_moment(event.text, UTC)
        except ValueError as error:
            raise bulk.broken(f"the head timestamp {error}", event.text) from error


class ScheduleCollector:
    misses_silently = False

    def take(self, event: Event) -> tuple[TradingSession, ...] | None:
        if isinstance(event, BarsFrame):
            raise bulk.broken("bars came instead of sessions")
        if not isinstance(event, ScheduleFound):
            return None
        try:
            zone = find_zone(event.time_zone)
            sessions = [_session(start, end, day, zone) for start, end, day in event.sessions]
        except ValueError as error:
            raise bulk.broken(f"a session of the schedule: {error}") from error
        return tuple(sorted(sessions))


def _session(start: str, end: str, day: str, zone: tzinfo) -> TradingSession:
    return TradingSession(parse_day(day), Window(parse_moment(start, zone), parse_moment(end, zone)))
