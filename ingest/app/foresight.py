"""When the queue will be done: who works on it, how fast, and what that means for each job.

Times are the product's clock. Where nobody works they are as if one gateway began now, and `is_as_if` says so; while
everything is paused there are none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingest.clock import Clock
from ingest.config import Settings
from ingest.domain.job import Lane
from ingest.plan.waiting import (
    GUESSED_OPEN,
    GUESSED_SECONDS,
    SMALL_AT_ONCE,
    SMALL_PER_SECOND,
    Expected,
    Pace,
    Waiting,
    timetable,
)
from ingest.store import backlog, jobs, learned, posts
from ingest.store.backlog import OpenFill, Speed
from ingest.store.posts import PostRow

#: What was measured so long ago says how fast it goes now; fewer answers than these say nothing.
_LATELY = timedelta(minutes=10)
_ENOUGH_ANSWERS = 5


@dataclass(frozen=True, slots=True)
class Foresight:
    """`posts` are the gateways that work; `measured` the lanes whose pace was seen lately and is no guess."""

    expected: Mapping[int, Expected]
    paces: Mapping[Lane, Pace]
    measured: frozenset[Lane]
    posts: tuple[PostRow, ...]
    pauses: frozenset[tuple[str, str]]

    @property
    def is_as_if(self) -> bool:
        """Whether nobody works, so that times count from when somebody begins."""
        return bool(self.paces) and not self.posts

    @property
    def is_stopped(self) -> bool:
        """Whether every gateway is paused."""
        return not self.paces


def foresee(connection: Connection, settings: Settings, clock: Clock) -> Foresight:
    """Look ahead over the whole queue, as it stands."""
    now, scale = clock.now(), settings.clock.scale
    pauses = jobs.pauses(connection)
    working = tuple(post for post in posts.listing(connection) if post.state == "working" and not post.is_silent)
    paces: dict[Lane, Pace] = {}
    measured: frozenset[Lane] = frozenset()
    if working or not _all_paused(settings, pauses):
        logins = {post.login for post in working} or {settings.at(settings.gateway_names[0]).gateway.login}
        paces, measured = _paces(connection, settings, sorted(logins), max(1, len(working)), now)
    fills = backlog.open_fills(connection)
    waiting = [_waiting(fill, now, scale) for fill in fills if not fill.is_paused]
    return Foresight(timetable(waiting, paces, now), paces, measured, working, pauses)


def _all_paused(settings: Settings, pauses: frozenset[tuple[str, str]]) -> bool:
    return ("all", "") in pauses or all(("gateway", name) in pauses for name in settings.gateway_names)


def _waiting(fill: OpenFill, now: datetime, scale: float) -> Waiting:
    cost = fill.what.pacing_cost if fill.lane is Lane.SMALL else 1
    later = None if not fill.seconds_until else now + timedelta(seconds=fill.seconds_until * scale)
    return Waiting(fill.id, fill.lane, fill.requests * cost, fill.priority, fill.series_id, later)


def _paces(
    connection: Connection, settings: Settings, logins: list[str], many: int, now: datetime
) -> tuple[dict[Lane, Pace], frozenset[Lane]]:
    """How fast `many` gateways on these logins go; a login without enough answers of late is guessed."""
    found = {(each.login, each.is_small): each for each in backlog.speeds(connection, logins, now - _LATELY)}
    seen = {is_small: [_measured(found.get((login, is_small))) for login in logins] for is_small in (False, True)}
    guesses = [_guess(connection, login, settings) for login in logins]
    rates = {
        is_small: sum(rate or guess for rate, guess in zip(each, guesses, strict=True))
        for is_small, each in seen.items()
    }
    spent = [sum(each.units for each in found.values() if each.login == login) for login in logins]
    chosen = settings.worker
    paces = {
        Lane.LARGE: Pace(rates[False], chosen.slots * many),
        Lane.SMALL: Pace(
            rates[True],
            chosen.small_slots * many,
            at_once=float(sum(max(0, SMALL_AT_ONCE - units) for units in spent)),
            after=SMALL_PER_SECOND * len(logins),
        ),
    }
    lanes = {False: Lane.LARGE, True: Lane.SMALL}
    return paces, frozenset(lanes[is_small] for is_small, each in seen.items() if any(each))


def _measured(speed: Speed | None) -> float:
    """Answers a second while any was waited for; 0 where there were too few to tell."""
    if speed is None or speed.requests < _ENOUGH_ANSWERS or speed.busy_seconds <= 0:
        return 0.0
    return speed.requests / speed.busy_seconds


def _guess(connection: Connection, login: str, settings: Settings) -> float:
    known = learned.open_requests(connection, login)
    allowed = known.allowed if known is not None else GUESSED_OPEN
    return max(1, min(allowed, settings.gateway.concurrency)) / GUESSED_SECONDS
