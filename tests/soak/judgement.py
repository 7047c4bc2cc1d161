"""What became of a trial, from three accounts that know nothing of each other: simulators, database, market."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from ingest.app.standing import ledgers_of
from ingest.domain.answer import RequestKind, RequestOutcome
from ingest.domain.series import Series
from ingest.domain.window import Window, intersect, total
from ingest.simulator.market.types import Market
from ingest.store import bars, requests
from ingest.store.series import SeriesRow
from ingest.worker.lines import Order
from tests.acceptance.running import Simulator
from tests.soak.truth import difference

_SPANS = text("""
    SELECT request_id, min(ts) AS first, max(ts) AS last
    FROM ingest.bars WHERE series_id = :series_id GROUP BY request_id
""")
_SMALL = ("1 secs", "5 secs", "10 secs", "15 secs", "30 secs")
_ANSWERED = (RequestOutcome.BARS, RequestOutcome.NO_DATA)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for bars as a simulator saw it arrive."""

    login: str
    at: datetime
    key: tuple[int, str, str, bool]
    window: Window

    @classmethod
    def of(cls, login: str, event: Mapping[str, Any]) -> "Asked":
        start, end = (datetime.fromisoformat(event[edge]) for edge in ("window_start", "window_end"))
        key = (event["contract"]["con_id"], event["size"], event["what"], bool(event["use_rth"]))
        return cls(login, datetime.fromisoformat(event["time"]), key, Window(start, end))


def asked_of(simulators: Mapping[str, Simulator]) -> list[Asked]:
    """Every request for bars, in no order."""
    return [Asked.of(login, event) for login, each in simulators.items() for event in each.bar_requests()]


def small_units(simulators: Mapping[str, Simulator]) -> Counter[str]:
    """By login, what arrived under IB's rules for small requests, as it counts."""
    found: Counter[str] = Counter()
    for login, each in simulators.items():
        for event in each.events(event="request"):
            if event["message"] == "head_timestamp" or event.get("size") in _SMALL:
                found[login] += 2 if event["what"] == "BID_ASK" else 1
    return found


def violations_of(simulators: Mapping[str, Simulator]) -> Counter[str]:
    """By login and rule, as the simulators count."""
    return Counter(
        f"{login} {event['rule']}" for login, each in simulators.items() for event in each.events(event="violation")
    )


def failures_of(simulators: Mapping[str, Simulator]) -> list[str]:
    """What went wrong in a simulator itself."""
    return [str(event) for each in simulators.values() for event in each.events(event="failure")]


def compare(
    market: Market, engine: Engine, rows: Sequence[SeriesRow], orders: Sequence[Order]
) -> tuple[int, list[str]]:
    """How many bars are held, and what is wrong with them or with the ledgers over them."""
    wrong, count = [], 0
    wishes = {_key(order.series): order.wish for order in orders}
    with engine.connect() as connection:
        for row in rows:
            held = bars.read(connection, row)
            count += held.num_rows
            wish = wishes[_key(row.series)]
            problem = difference(market, row, held, Window(wish[0].start, wish[-1].end), exactly=True)
            if problem:
                wrong.append(f"{row.series}: {problem}")
    unproved = [each.row.series for each in ledgers_of(engine, rows, prove=True) if each.unproved]
    return count, wrong + [f"{series}: a stretch without proof" for series in unproved]


def repeats(engine: Engine, rows: Sequence[SeriesRow], asked: Iterable[Asked]) -> tuple[int, list[str]]:
    """How many requests' answers were never stored (they were on the wire at a kill); and the time that was asked for
    although its bars had been stored before.

    What the simulators saw is held against what the log of requests says was stored by then.
    """
    of_series: dict[tuple[int, str, str, bool], list[Asked]] = {}
    for each in asked:
        of_series.setdefault(each.key, []).append(each)
    lost, again = 0, []
    for row in rows:
        with engine.connect() as connection:
            log = [record for record in requests.proof(connection, row.id) if record.kind is RequestKind.BARS]
            spans = _stored(connection, row)
        ended = {record.request_id: record.ended_at for record in log if record.outcome in _ANSWERED}
        mine = of_series.get(_key(row.series), [])
        lost += len(mine) - len(ended)
        for each in mine:
            stored = [span for number, span in spans.items() if (at := ended.get(number)) and at < each.at]
            if twice := total(intersect([each.window], stored)):
                again.append(f"{row.series} {each.window} by {each.login} at {each.at:%H:%M:%S}: {twice}")
    return lost, again


def _stored(connection: Connection, row: SeriesRow) -> dict[int, Window]:
    """From the first to the last bar that each request brought. (What lacks around them may be looked at again.)"""
    found = connection.execute(_SPANS, {"series_id": row.id})
    return {each.request_id: Window(each.first, each.last + row.series.bar_size.length) for each in found}


def busy(asked: Iterable[Asked], stretches: Sequence[Window]) -> Counter[str]:
    """In how many of the stretches each login was asked for bars."""
    seen = {
        (each.login, number)
        for each in asked
        for number, stretch in enumerate(stretches)
        if stretch.start <= each.at < stretch.end
    }
    return Counter(login for login, _ in seen)


def cut(span: Window, length: timedelta) -> tuple[Window, ...]:
    """Whole stretches of a time, one after the other."""
    return tuple(Window(span.start + n * length, span.start + (n + 1) * length) for n in range(span.span // length))


def _key(series: Series) -> tuple[int, str, str, bool]:
    return series.instrument.con_id, series.bar_size.value, series.what.value, series.use_rth
