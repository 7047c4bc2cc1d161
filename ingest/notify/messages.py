"""Values → the words that people get on their phone: short plain sentences, the most important first. Pure.

`topic` and `says` are for telling a trouble once: two messages of one topic that say the same are the same news,
however much the numbers in them have moved on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ingest.domain.conclusion import Conclusion, FailedJob, Published, Unsettled
from ingest.domain.freshness import Freshness

#: More lines of one sort than this nobody reads on a phone.
MOST_LINES = 20
_MOST_WORDS = 200  # characters of one reason
_A_DAY = timedelta(days=1)
STALE_TOPIC = "stale"
_STALE_APART = timedelta(hours=2)  # while many series catch up, another one is the worst every few minutes


class Kind(StrEnum):
    DIGEST = "digest"
    FAILURE = "failure"
    STALE = "stale"
    GATEWAY = "gateway"
    TEST = "test"


class Level(StrEnum):
    """How bad it is, in apprise's words (services choose colours and icons by them)."""

    GOOD = "success"
    NEWS = "info"
    WARNING = "warning"
    BAD = "failure"


@dataclass(frozen=True, slots=True)
class Message:
    """`again_after`: how long the same news stays told; None: for good. `apart`: how long after other news of the topic
    it is worth a message, for topics whose news change by themselves."""

    kind: Kind
    level: Level
    title: str
    body: str
    topic: str
    says: str = ""
    again_after: timedelta | None = _A_DAY
    apart: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """A gateway that nobody but a person can help. `matter`: what is wrong, the same for all wordings of it; `said` is
    what IB or TWS said; `advice` what to do, if known."""

    gateway: str
    since: datetime
    matter: str
    said: str
    advice: str = ""


def digest(done: Conclusion) -> Message:
    """What came of a firing; told once, ever."""
    parts = [_course(done), _counts(done)]
    parts += _listed("Failed:", [f"{job.subject}: {_short(job.reason)}" for job in done.failed])
    missing = [_unsettled(each) for each in done.unsettled]
    parts += _listed("Not settled:", missing, done.unsettled_left_out)
    parts += _listed("Not found:", [f"{each.symbol}: {_short(each.reason)}" for each in done.unmet])
    if done.export_problem:
        parts.append(f"No snapshot: {_short(done.export_problem)}")
    if done.snapshot is not None:
        parts.append(_published(done.snapshot))
    level = Level.GOOD if done.is_complete else Level.WARNING
    return Message(
        Kind.DIGEST, level, _headline(done), "\n\n".join(parts), f"digest {done.firing}", "done", again_after=None
    )


def failures(wish: str, jobs: Sequence[FailedJob]) -> Message:
    """Jobs that ended failed, in one message. `wish` is empty for jobs that were queued by hand.

    One reason is one piece of news, whichever series it hits.
    """
    whose = wish or "jobs queued by hand"
    lines = [f"Job {job.id}, {job.subject}: {_short(job.reason)}" for job in jobs]
    first = jobs[0].id
    advice = f"`ingest jobs show {first}` tells more, `ingest jobs retry {first}` tries again."
    title = f"{whose}: {_count(len(jobs), 'job')} failed"
    says = "; ".join(sorted({_wording(job.reason) for job in jobs}))
    body = "\n\n".join([_lines(lines), advice])
    return Message(Kind.FAILURE, Level.BAD, title, body, f"failed {wish}", says)


def staleness(behind: Sequence[Freshness]) -> Message:
    """Universes that are too far behind, in one message."""
    one = (
        f"{behind[0].wish} is {_trading(behind[0].behind)} behind"
        if behind[0].worst
        else f"{behind[0].wish} is overdue"
    )
    title = one if len(behind) == 1 else f"{len(behind)} universes are behind"
    advice = (
        "Is a worker running, and is the gateway logged in? `ingest status` and `ingest jobs list` tell more. "
        "Hours are hours of trading."
    )
    body = "\n\n".join([_lines([_stale(each) for each in behind]), advice])
    says = ", ".join(sorted(" ".join([each.wish, each.worst, each.since_then]).strip() for each in behind))
    return Message(Kind.STALE, Level.WARNING, title, body, STALE_TOPIC, says, apart=_STALE_APART)


def gateway_needs_person(trouble: NeedsPerson) -> Message:
    """A gateway that waits for somebody."""
    advice = trouble.advice or "Open it, log in, and confirm the login on your phone where IB asks for it."
    said = f"It said: {_short(trouble.said)}" if trouble.said else "It said nothing."
    body = f"Since {_at(trouble.since)}. {said}\n\n{advice} Work goes on by itself afterwards."
    title = f"Gateway {trouble.gateway} needs you"
    return Message(Kind.GATEWAY, Level.BAD, title, body, gateway_topic(trouble.gateway), trouble.matter)


def gateway_back(gateway: str, now: datetime) -> Message:
    """The end of it, for whoever was told that there was trouble."""
    body = f"It is connected again since {_at(now)}, and work goes on. There is nothing to do."
    return Message(Kind.GATEWAY, Level.GOOD, f"Gateway {gateway} is back", body, gateway_topic(gateway), "back")


def database_full(said: str, now: datetime) -> Message:
    """Everything waits for somebody to make room."""
    body = f"At {_at(now)}: {_short(said)}\n\nMake room. Nothing is lost, and work goes on by itself afterwards."
    return Message(Kind.FAILURE, Level.BAD, "The database is full", body, "database full", "full")


def gateway_topic(gateway: str) -> str:
    return f"gateway {gateway}"


def trial(where: str, now: datetime) -> Message:
    """What `ingest notify test` sends."""
    body = f"Sent by `ingest notify test` on {where} at {_at(now)}. If you can read this, notifications work."
    return Message(Kind.TEST, Level.NEWS, "ingest: a test", body, "test", again_after=timedelta())


def _headline(done: Conclusion) -> str:
    if done.is_complete:
        return f"{done.wish}: complete"
    if lacking := done.series - done.complete:
        return f"{done.wish}: {lacking} of {done.series} series not complete"
    if done.failed:
        return f"{done.wish}: {_count(len(done.failed), 'job')} failed"
    if done.unmet:
        return f"{done.wish}: {_count(len(done.unmet), 'symbol')} not found"
    return f"{done.wish}: complete, but without a snapshot"


def _course(done: Conclusion) -> str:
    late = {"catch_up": ", caught up", "by_hand": ", by hand"}.get(done.cause, "")
    took = _span(done.ended_at - done.started_at)
    begun, ended = _then(done.started_at, done.due_at), _then(done.ended_at, done.due_at)
    return f"Due {_at(done.due_at)}{late}. Begun {begun}, ended {ended}, after {took}."


def _counts(done: Conclusion) -> str:
    revised = f", {done.revised:,} revised" if done.revised else ""
    cancelled = f" {_count(done.cancelled, 'job')} cancelled." if done.cancelled else ""
    carried_on = f" Work on {done.carried_on:,} goes on, in a later firing." if done.carried_on else ""
    return (
        f"{done.complete} of {_count(done.series, 'series', 'series')} complete.{carried_on} "
        f"{_count(done.bars, 'new bar')}{revised}, {_count(done.requests, 'request')}.{cancelled}"
    )


def _unsettled(each: Unsettled) -> str:
    stretches = "" if each.stretches == 1 else f", {each.stretches} stretches"
    why = f", {_short(each.reason)}" if each.reason else ""
    words = {"unknown": "not asked yet", "pending": "empty once, to be asked again", "timed_out": "timed out"}
    state = words.get(each.state, each.state)
    return f"{each.series}, {_day(each.start)} to {_day(each.end)}{stretches}: {state}{why}"


def _published(snapshot: Published) -> str:
    size = f"{snapshot.bytes / 1e6:,.1f} MB" if snapshot.bytes >= 100_000 else f"{snapshot.bytes / 1e3:,.1f} kB"
    return f"Snapshot {snapshot.path}: {_count(snapshot.bars, 'bar')} of {snapshot.series} series, {size}."


def _stale(each: Freshness) -> str:
    ends = f"ends {_at(each.worst_end)}" if each.worst_end else "has nothing yet"
    said = [f"{each.worst} {ends}, {_trading(each.behind)} behind."] if each.worst else []
    said += [f"It was due {_at(each.was_due)}, {each.since_then}."] if each.was_due else []
    said += [f"{each.complete} of {_count(each.series, 'series', 'series')} complete."] if each.series else []
    return f"{each.wish}: {' '.join(said)}"


def _listed(heading: str, lines: Sequence[str], left_out: int = 0) -> list[str]:
    return [f"{heading}\n{_lines(lines, left_out)}"] if lines else []


def _lines(lines: Sequence[str], left_out: int = 0) -> str:
    more = len(lines[MOST_LINES:]) + left_out
    return "\n".join([*lines[:MOST_LINES], *([f"… and {more:,} more"] if more else [])])


def _short(reason: str) -> str:
    """IB's words on one line, cut where nobody reads on."""
    line = " ".join(reason.split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS].rstrip()} …"


def _wording(reason: str) -> str:
    """The same trouble has the same words; its times and numbers move on."""
    return re.sub(r"[\d.,:]*\d", "#", " ".join(reason.split()))


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _then(moment: datetime, known: datetime) -> str:
    """Without the date where it is the known one."""
    exact = moment.astimezone(UTC)
    return f"{exact:%H:%M}" if exact.date() == known.astimezone(UTC).date() else _at(moment)


def _day(moment: datetime) -> str:
    exact = moment.astimezone(UTC)
    return f"{exact:%Y-%m-%d}" if not (exact.hour or exact.minute) else f"{exact:%Y-%m-%d %H:%M}"


def _trading(length: timedelta) -> str:
    """Never in days, of which a session is a quarter and a weekend none."""
    hours = length.total_seconds() / 3600
    return f"{hours:,.1f} h".replace(".0 ", " ") if hours >= 1 else _span(length)


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"
