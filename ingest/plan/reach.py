"""What of a wish can be asked at all: not the future, not the forming bar, not before IB's first bar, not what is gone.

Each rule that cuts a wish gives the ledger entry that says so, so that the cut-off time is in a known state as well.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ingest.domain import grid
from ingest.domain.bar_size import BarSize
from ingest.domain.calendar import SessionCalendar
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Series
from ingest.domain.window import Window, Windows, between, normalise, subtract

#: IB: "bars whose size is 30 seconds or less older than six months" are not available.
SMALL_BAR_AGE = timedelta(days=180)
#: IB: expired futures are kept for two years after expiry.
EXPIRED_FUTURE_AGE = timedelta(days=730)
#: A daily bar is asked for with its end this long behind the session's close, so that closing prints are in it.
SETTLE = timedelta(minutes=30)


#: An intraday bar is asked for this long after it closed, so that late prints are in it.
LAG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known when planning: the time, and IB's first bar (`head`; None: not asked, none, or not believed)."""

    now: datetime
    head: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """The part of a wish that can be asked for, and what the rules say of the rest."""

    askable: Windows
    ruled: tuple[Entry, ...]


def believed_head(size: BarSize, head: datetime | None, oldest: datetime | None) -> datetime | None:
    """IB's first bar, or None where a bar that is held is older: then IB is wrong, and its word rules nothing out."""
    return None if head is not None and oldest is not None and oldest < size.floor(head) else head


def due_part(series: Series, wish: Windows, calendar: SessionCalendar, now: datetime) -> Windows:
    """The part of a wish, widened to the bar grid, whose bars are final by now."""
    until = due_until(series, calendar, now)
    widened = ((grid.floor(series, window.start), grid.ceil(series, window.end)) for window in wish)
    return normalise(due for start, end in widened if (due := between(start, min(end, until))))


def reach(series: Series, wish: Windows, calendar: SessionCalendar, limits: Limits) -> Reach:
    """Cut `wish` by every rule that needs no request. Time that is not over is in neither part: it is not due yet."""
    askable = due_part(series, wish, calendar, limits.now)
    ruled: list[Entry] = []
    for window, state, reason in _rules(series, limits):
        cut = tuple(both for w in askable if (both := w.intersection(window)))
        ruled += [Entry(w, state, reason, permanent=state is State.FAILED) for w in cut]
        askable = subtract(askable, cut)
    return Reach(askable, tuple(ruled))


def due_until(series: Series, calendar: SessionCalendar, now: datetime) -> datetime:
    """The instant up to which bars are final: nothing after it is asked for, so a forming bar is never stored.

    Intraday: the market's bar grid, a minute ago. A day and longer: the end of the last session that closed half an
    hour ago.
    """
    size = series.bar_size
    if not size.is_daily:
        return grid.floor(series, now - LAG)
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    done = calendar.last_closed(now - SETTLE)
    if done is None:
        return size.floor(today - timedelta(days=1))
    following = calendar.after(done)
    over = _midnight(done.day) + timedelta(days=1)
    quiet = min(today, _midnight(following.day)) if following else today
    return size.floor(max(over, quiet))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _rules(series: Series, limits: Limits) -> list[tuple[Window, State, str]]:
    epoch, size = datetime(1900, 1, 1, tzinfo=UTC), series.bar_size
    rules = []
    if limits.head is not None and limits.head > epoch:
        first = size.floor(limits.head)
        rules.append((Window(epoch, first), State.EMPTY_CONFIRMED, f"before IB's first bar {limits.head:%Y-%m-%d}"))
    expiry = _expiry_end(series)
    if expiry is not None:
        far = datetime(2200, 1, 1, tzinfo=UTC)
        rules.append((Window(expiry, far), State.EMPTY_CONFIRMED, f"after expiry {series.instrument.expiry}"))
        if series.instrument.sec_type == "FUT" and limits.now - expiry > EXPIRED_FUTURE_AGE:
            rules.append((Window(epoch, expiry), State.FAILED, "IB drops futures two years after expiry"))
        if series.instrument.sec_type == "OPT" and limits.now > expiry:
            rules.append((Window(epoch, expiry), State.FAILED, "IB keeps no history of expired options"))
    if size.is_small:
        oldest = size.ceil(limits.now - SMALL_BAR_AGE)
        rules.append((Window(epoch, oldest), State.FAILED, "IB keeps bars of 30 s or less for six months"))
    return rules


def _expiry_end(series: Series) -> datetime | None:
    if not series.instrument.is_expiring or len(series.instrument.expiry) != 8:
        return None
    day = datetime.strptime(series.instrument.expiry, "%Y%m%d").replace(tzinfo=UTC)
    return day + timedelta(days=1)
