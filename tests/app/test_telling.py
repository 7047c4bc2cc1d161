"""Who is told of what, and when: over a real database and a real endpoint, across restarts."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from ingest.app.serving.post import _AWAY, _SILENT
from ingest.app.telling import People, matter_of, people_of
from ingest.clock import FakeClock
from ingest.config import ExactSettings, NotifySettings
from ingest.domain.conclusion import Conclusion, FailedJob
from ingest.domain.freshness import Freshness
from ingest.errors import DatabaseFull, GatewayRefused, GatewayUnreachable
from ingest.gateway.handshake import hung_up, nothing_there
from tests import given
from tests.unit.notify.receiving import Endpoint, endpoint

NOON = given.at("2024-06-10 12:00")
GONE = GatewayUnreachable("Nothing answers at 127.0.0.1:4001.", hint="Start the gateway and log in.")
NIGHT = Conclusion(7, "nightly", "schedule", NOON, NOON, NOON, 2, 2, 6, 0, 2)
FAILED = replace(NIGHT, failed=(FailedJob(31, "AAPL 1d TRADES", "IB refused."),))


@pytest.fixture
def web() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


def people(engine: Engine, web: Endpoint, clock: FakeClock, **wishes: object) -> People:
    notify = NotifySettings.model_validate({"urls": SecretStr(web.url("secret")), **wishes})
    found = people_of(ExactSettings(notify=notify), engine, clock)
    found.notifier.wall = FakeClock(NOON)
    return found


def titles(web: Endpoint) -> list[str]:
    return [post["title"] for post in web.posts]


async def test_a_digest_is_sent_once_also_after_a_restart(engine: Engine, web: Endpoint) -> None:
    for _ in range(2):
        everybody = people(engine, web, FakeClock(NOON))
        await everybody.concluded(NIGHT)
        await everybody.close()
    assert titles(web) == ["nightly: complete"]


async def test_who_wants_no_digest_still_hears_of_failures(engine: Engine, web: Endpoint) -> None:
    for quiet in ({}, {"digest": False}, {"digest": False, "failures": False}):
        everybody = people(engine, web, FakeClock(NOON), **quiet)
        await everybody.concluded(FAILED)
        await everybody.close()
    everybody = people(engine, web, FakeClock(NOON), digest=False)
    await everybody.concluded(replace(NIGHT, firing=8))
    await everybody.close()
    assert titles(web) == ["nightly: 1 job failed", "nightly: 1 job failed"]
    assert "Failed:" in web.posts[0]["message"], "the first is the digest"
    assert "ingest jobs retry 31" in web.posts[1]["message"]


async def test_a_gateway_is_told_of_when_it_stays_away_and_when_it_is_back(engine: Engine, web: Endpoint) -> None:
    clock = FakeClock(NOON)
    everybody = people(engine, web, clock)
    await everybody.gateway_trouble("main", NOON, GONE)
    clock.advance(14 * 60)
    await everybody.gateway_trouble("main", NOON, GONE)
    await everybody.gateway_back("main")
    await everybody.close()
    assert not web.posts, "a nightly restart"
    clock.advance(60)
    for restarted in (everybody, people(engine, web, clock)):
        await restarted.gateway_trouble("main", NOON, GONE)
        await restarted.close()
    assert titles(web) == ["Gateway main needs you"]
    assert "It said: Nothing answers at 127.0.0.1:4001." in web.posts[0]["message"]
    assert "Start the gateway and log in." in web.posts[0]["message"]
    for _ in range(2):
        await everybody.gateway_back("main")
    await everybody.close()
    assert titles(web)[1:] == ["Gateway main is back"]


async def test_a_gateway_that_restarts_in_a_loop_is_told_of_once_for_each_matter(engine: Engine, web: Endpoint) -> None:
    clock = FakeClock(NOON)
    loop = [
        nothing_there("127.0.0.1:4001", "host name unknown"),
        nothing_there("127.0.0.1:4001", "connection refused"),
        hung_up("127.0.0.1:4001"),
        GatewayRefused("127.0.0.1:4001 refused client id 71: 326 'in use'.", code=326),
        _AWAY,
        _SILENT,
    ]
    everybody = people(engine, web, clock)
    clock.advance(15 * 60)
    for error in loop * 5:
        clock.advance(60)
        await everybody.gateway_trouble("main", NOON, error)
    await everybody.close()
    assert len(web.posts) == 4
    said = [matter_of(error) for error in loop]
    assert said == [*["unreachable"] * 3, "refused with code 326", "no way to IB", "no answers"]


async def test_universes_that_fall_behind_are_told_of_until_they_catch_up(engine: Engine, web: Endpoint) -> None:
    late = Freshness("nightly", 2, 1, behind=timedelta(hours=9), worst="AAPL 1m TRADES", is_scheduled=True)
    clock = FakeClock(NOON)
    everybody = people(engine, web, clock, stale_hours=8)
    fine = replace(late, behind=timedelta(hours=8))
    for wishes in ([fine], [late], [late], [replace(late, is_scheduled=False)], [fine], [late]):
        await everybody.freshness(wishes)
    await everybody.close()
    assert titles(web) == ["nightly is 9 h behind"] * 2, "once each time it falls behind"
    silent = people(engine, web, clock)
    await silent.freshness([replace(late, wish="other")])
    await silent.close()
    assert len(web.posts) == 2, "stale_hours = 0 is never"


async def test_while_many_series_catch_up_nobody_is_told_of_each_that_is_the_worst(
    engine: Engine, web: Endpoint
) -> None:
    late = Freshness("nightly", 2, 1, behind=timedelta(hours=9), is_scheduled=True)
    clock = FakeClock(NOON)
    everybody = people(engine, web, clock, stale_hours=8)
    for look in range(18):
        await everybody.freshness([replace(late, worst=f"S{look} 1m TRADES")])
        await all_sent(everybody)
        clock.advance(600)
    assert len(web.posts) == 2, "in three hours"


async def test_what_cannot_be_judged_ends_no_trouble(engine: Engine, web: Endpoint) -> None:
    late = Freshness("nightly", 2, 1, behind=timedelta(hours=9), worst="AAPL 1m TRADES", is_scheduled=True)
    everybody = people(engine, web, FakeClock(NOON), stale_hours=8)
    for wishes in ([late], [Freshness("nightly", problem="no such calendar")], [late]):
        await everybody.freshness(wishes)
    await everybody.close()
    assert len(web.posts) == 1


async def test_a_day_later_the_same_trouble_is_news_again(engine: Engine, web: Endpoint) -> None:
    clock = FakeClock(NOON)
    for hours in (1, 22, 1):
        clock.advance(hours * 3600)
        everybody = people(engine, web, clock)
        await everybody.gateway_trouble("main", NOON, GONE)
        await everybody.close()
    clock.advance(3600)
    everybody = people(engine, web, clock)
    await everybody.gateway_trouble("main", NOON, GONE)
    await everybody.close()
    assert len(web.posts) == 2


async def test_telling_keeps_nobody_waiting(engine: Engine, web: Endpoint) -> None:
    everybody = people(engine, web, FakeClock(NOON))
    await asyncio.wait_for(everybody.concluded(NIGHT), timeout=1)
    assert not web.posts
    await everybody.close()
    assert web.posts


async def test_jobs_that_fail_together_are_told_of_together(engine: Engine, web: Endpoint) -> None:
    everybody = people(engine, web, FakeClock(NOON))
    for number in (40, 41):
        await everybody.job_failed("", FailedJob(number, f"S{number} 1d TRADES", "IB refused."))
    await asyncio.sleep(0)
    assert isinstance(everybody.notifier.wall, FakeClock)
    assert everybody.notifier.wall.slept == [30.0]
    await asyncio.sleep(0)
    await everybody.job_failed("", FailedJob(42, "S42 1d TRADES", "IB refused."))
    await everybody.close()
    assert titles(web) == ["jobs queued by hand: 2 jobs failed", "jobs queued by hand: 1 job failed"]
    quiet = people(engine, web, FakeClock(NOON), failures=False)
    await quiet.job_failed("", FailedJob(43, "S43 1d TRADES", "IB refused."))
    await quiet.close()
    assert len(web.posts) == 2


class Wall(FakeClock):
    """On which sleep lasts until somebody advances it."""

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.monotonic() < until:
            await asyncio.sleep(0)


async def passes(everybody: People, seconds: float) -> None:
    """In steps of half a minute; what is sent meanwhile arrives."""
    assert isinstance(everybody.notifier.wall, Wall)
    await asyncio.sleep(0)  # whoever is to wait begins to
    while seconds > 0:
        everybody.notifier.wall.advance(min(30.0, seconds))
        seconds -= 30.0
        for _ in range(5):
            await asyncio.sleep(0)
        await all_sent(everybody)


async def all_sent(everybody: People) -> None:
    while everybody.notifier._pending:
        await asyncio.wait(everybody.notifier._pending)


def by_hand(number: int, reason: str = "IB refused.") -> FailedJob:
    return FailedJob(number, f"S{number} 1d TRADES", reason)


def patient(engine: Engine, web: Endpoint) -> People:
    found = people(engine, web, FakeClock(NOON))
    found.notifier.wall = Wall(NOON)
    return found


async def test_jobs_that_go_on_failing_are_gathered_for_ever_longer_and_none_is_lost(
    engine: Engine, web: Endpoint
) -> None:
    everybody = patient(engine, web)
    for number in range(20):
        await everybody.job_failed("", by_hand(number, "IB refused." if number % 2 else "No answer in 120 s."))
        await passes(everybody, 45)
    await everybody.close()
    assert titles(web) == [f"jobs queued by hand: {many} failed" for many in ("1 job", "14 jobs", "5 jobs")]
    listed = "\n".join(post["message"] for post in web.posts)
    assert all(f"S{number} 1d TRADES" in listed for number in range(20))


async def test_after_a_quiet_day_a_failure_is_told_at_once_again(engine: Engine, web: Endpoint) -> None:
    everybody = patient(engine, web)
    for day in range(3):
        await everybody.job_failed("", by_hand(day, f"Day {'abc'[day]}."))
        await passes(everybody, 30)
        assert len(web.posts) == day + 1
        await passes(everybody, 86_400)
    await everybody.close()


async def test_what_another_process_has_told_today_waits_for_the_next_message(engine: Engine, web: Endpoint) -> None:
    await (first := patient(engine, web)).job_failed("", by_hand(1))
    await first.close()
    second = patient(engine, web)
    await second.job_failed("", by_hand(2))
    await passes(second, 60)
    assert len(web.posts) == 1, "the same reason, within a day"
    await second.job_failed("", by_hand(3))
    await passes(second, 600)
    assert titles(web)[1:] == ["jobs queued by hand: 2 jobs failed"]
    await second.close()
    assert len(web.posts) == 2


async def test_failures_that_nobody_took_are_in_the_next_message(engine: Engine, web: Endpoint) -> None:
    everybody = patient(engine, web)
    everybody.notifier.attempts = 1
    web.statuses = [500]
    await everybody.job_failed("", by_hand(1))
    await passes(everybody, 30)
    await everybody.job_failed("", by_hand(2))
    await everybody.close()
    assert titles(web) == ["jobs queued by hand: 1 job failed", "jobs queued by hand: 2 jobs failed"]


async def test_a_database_that_is_full_is_told_by_the_first_to_meet_it(engine: Engine, web: Endpoint) -> None:
    full = DatabaseFull("The database's disk is full: could not extend file.", hint="Free some space.")
    for _ in range(2):
        everybody = people(engine, web, FakeClock(NOON))
        await everybody.database_full(full)
        await everybody.close()
    assert titles(web) == ["The database is full"]
    assert "could not extend file" in web.posts[0]["message"]
