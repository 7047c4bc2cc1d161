"""What was told: once for each trouble, whoever sees it, until it says something else or was told long enough ago."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine

from ingest.store import told
from tests.given import at

NOON = at("2024-01-02 12:00")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def test_the_same_is_news_once_a_day(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        told.keep(connection, "gateway main", "login needed", NOON)
        assert not told.claim(connection, "gateway main", "login needed", NOON + DAY - MINUTE, DAY)
        assert told.claim(connection, "gateway main", "login needed", NOON + DAY, DAY)


def test_another_word_of_the_same_topic_is_news(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        told.keep(connection, "gateway main", "login needed", NOON)
        assert told.claim(connection, "gateway main", "the phone says no", NOON + MINUTE, DAY)
        assert told.claim(connection, "gateway other", "login needed", NOON, DAY)


def test_troubles_that_take_turns_are_each_told_once_a_day(engine: Engine) -> None:
    turns = ["unreachable", "refused with code 326", "no way to IB"] * 20
    told_of = []
    with engine.begin() as connection:
        for number, says in enumerate(turns):
            now = NOON + number * MINUTE
            if told.claim(connection, "gateway main", says, now, DAY):
                told.keep(connection, "gateway main", says, now)
                told_of.append(says)
        assert told_of == turns[:3]
        assert told.claim(connection, "gateway main", turns[0], NOON + DAY, DAY)
        assert not told.claim(connection, "gateway main", turns[1], NOON + DAY, DAY), "told a minute less ago"
        assert told.forget(connection, "gateway main")
        assert told.claim(connection, "gateway main", turns[1], NOON + DAY, DAY), "all of it is forgotten"


def test_news_of_a_topic_may_have_to_lie_apart(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "stale", "AAPL", NOON, DAY, 30 * MINUTE)
        told.keep(connection, "stale", "AAPL", NOON)
        assert not told.claim(connection, "stale", "KO", NOON + 29 * MINUTE, DAY, 30 * MINUTE)
        assert told.claim(connection, "failed", "KO", NOON + 29 * MINUTE, DAY, 30 * MINUTE)
        assert told.claim(connection, "stale", "KO", NOON + 30 * MINUTE, DAY, 30 * MINUTE)


def test_what_is_told_for_good_is_no_news_for_as_long_as_it_is_remembered(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        told.keep(connection, "digest 7", "done", NOON)
        assert not told.claim(connection, "digest 7", "done", NOON + 89 * DAY, None)


def test_what_is_said_may_be_long(engine: Engine) -> None:
    many = [", ".join(f"Größe {n * k}" for n in range(2000)) for k in (1, 1, 2)]
    with engine.begin() as connection:
        found = [told.claim(connection, "stale", says, NOON, DAY) for says in many]
        told.keep(connection, "stale", many[0], NOON)
        assert found == [True, False, True]
        assert told.forget(connection, "stale")


def test_old_news_are_forgotten(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        assert told.claim(connection, "digest 8", "done", NOON + 91 * DAY, None)
        assert not told.forget(connection, "digest 7")


def test_what_could_not_be_told_is_news_again(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        told.release(connection, "digest 7", "done")
        assert told.claim(connection, "digest 7", "done", NOON, None)
        told.keep(connection, "digest 7", "done", NOON)
        told.release(connection, "digest 7", "done")
        assert not told.claim(connection, "digest 7", "done", NOON, None), "it was told; there is nothing to release"


def test_a_claim_of_a_process_that_died_is_taken_over(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        assert not told.claim(connection, "digest 7", "done", NOON + 9 * MINUTE, None)
        assert told.claim(connection, "digest 7", "done", NOON + 10 * MINUTE, None)


def test_a_trouble_that_is_over_and_comes_again_is_news(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        assert not told.forget(connection, "gateway main"), "claimed, but not told yet"
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        told.keep(connection, "gateway main", "login needed", NOON)
        assert told.forget(connection, "gateway main")
        assert told.claim(connection, "gateway main", "login needed", NOON + MINUTE, DAY)


def test_of_many_that_see_the_same_at_once_one_tells_it(engine: Engine) -> None:
    gate = threading.Barrier(6)

    def claim(_: int) -> bool:
        with engine.begin() as connection:
            gate.wait(timeout=20)
            return told.claim(connection, "gateway main", "login needed", NOON, DAY)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1
