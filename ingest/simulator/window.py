"""From a validated request to the stretch of market it asks for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ingest.simulator.manners.durations import calendar_start, months_before
from ingest.simulator.manners.validation import Wanted
from ingest.simulator.market.types import BarSize, Contract, Market, Session
from ingest.simulator.wire.times import zone

#: History of bars of 30 seconds and less ends here.
SMALL_BAR_SECONDS, SMALL_BAR_MONTHS = 30, 6

#: A session may carry a date this many days after the one on which it opens (over a long weekend).
_DATED_AHEAD = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end)` is what the market is asked for; `told_start`/`told_end` what historicalDataEnd reports.

    For bars of a day and longer `start` is 00:00Z of the first session's date. `sessions` are those inside.
    """

    start: int
    end: int
    told_start: float
    told_end: float
    sessions: tuple[Session, ...] = ()


def resolve(market: Market, contract: Contract, wanted: Wanted, now: float) -> Window:
    """The window of a request. Nothing after `now` has happened, whatever end the client names."""
    told_end = wanted.end.instant
    told_start = calendar_start(told_end, wanted.duration, contract.time_zone_id)
    end = int(min(told_end, now))
    use_rth = wanted.request.use_rth
    sessions: tuple[Session, ...] = ()
    start = int(told_start)
    if wanted.duration.unit == "D":
        sessions = _last_sessions(market, contract, end, wanted.duration.count, use_rth=use_rth)
        start = sessions[0].open if sessions else start
    elif wanted.size.unit != "seconds":
        around = _sessions_around(market, contract, start, end, use_rth=use_rth)
        sessions = tuple(one for one in around if start <= one.open < end)
    if wanted.size.unit != "seconds" and sessions:
        start = _midnight(sessions[0].day)
    return Window(_not_too_old(start, wanted.size, now), end, told_start, told_end, sessions)


def _not_too_old(start: int, size: BarSize, now: float) -> int:
    if size.unit != "seconds" or size.seconds > SMALL_BAR_SECONDS:
        return start
    return max(start, int(months_before(datetime.fromtimestamp(now, UTC), SMALL_BAR_MONTHS).timestamp()))


def _sessions_around(market: Market, contract: Contract, start: int, end: int, *, use_rth: bool) -> list[Session]:
    where = zone(contract.time_zone_id)
    first, last = (datetime.fromtimestamp(at, where).date() for at in (start, end))
    return list(market.sessions(contract, first, last + _DATED_AHEAD, use_rth=use_rth))


def _last_sessions(market: Market, contract: Contract, end: int, days: int, *, use_rth: bool) -> tuple[Session, ...]:
    """Sessions of the last `days` trading days that opened before `end`; a day with a lunch break has two."""
    # Five sessions a week, and room for the longest run of holidays any exchange takes.
    reach = timedelta(days=days * 7 // 5 + 21).total_seconds()
    around = _sessions_around(market, contract, int(end - reach), end, use_rth=use_rth)
    opened = [one for one in around if one.open < end]
    wanted = set(sorted({one.day for one in opened})[-days:])
    return tuple(one for one in opened if one.day in wanted)


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
