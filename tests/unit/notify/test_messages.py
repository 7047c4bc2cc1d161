"""What people read: every message whole, as it arrives on a phone."""

from dataclasses import replace
from datetime import timedelta

from ingest.domain.conclusion import Conclusion, FailedJob, Published, UnmetSymbol, Unsettled
from ingest.domain.freshness import Freshness
from ingest.notify import (
    Level,
    NeedsPerson,
    digest,
    failures,
    gateway_back,
    gateway_needs_person,
    staleness,
    trial,
)
from tests.given import at

DONE = Conclusion(
    firing=7,
    wish="us-equities-nightly",
    cause="schedule",
    due_at=at("2024-06-10 20:45"),
    started_at=at("2024-06-10 20:45"),
    ended_at=at("2024-06-10 20:58"),
    series=42,
    complete=42,
    bars=16_380,
    revised=12,
    requests=84,
    snapshot=Published("snapshots/20240610T205812Z-2e260660", 42, 8_206_900, 131_400_000),
)
DENIED = "162: Historical Market Data Service error message:No market data permissions for NYSE STK"


def test_a_complete_night_is_short() -> None:
    message = digest(DONE)
    assert (message.title, message.level) == ("us-equities-nightly: complete", Level.GOOD)
    assert message.body == (
        "Due 2024-06-10 20:45 UTC. Begun 20:45, ended 20:58, after 13 min.\n\n"
        "42 of 42 series complete. 16,380 new bars, 12 revised, 84 requests.\n\n"
        "Snapshot snapshots/20240610T205812Z-2e260660: 8,206,900 bars of 42 series, 131.4 MB."
    )


def test_what_a_later_firing_took_over_is_said_to_go_on() -> None:
    message = digest(replace(DONE, complete=40, carried_on=2))
    assert (message.title, message.level) == ("us-equities-nightly: 2 of 42 series not complete", Level.WARNING)
    assert "40 of 42 series complete. Work on 2 goes on, in a later firing. 16,380 new bars" in message.body


def test_a_bad_night_says_what_is_missing_and_why_in_ibs_words() -> None:
    lacking = (
        Unsettled("AAPL 1m TRADES", "timed_out", "", at("2024-06-10 13:30"), at("2024-06-10 20:00")),
        Unsettled("MSFT 1d TRADES", "failed", DENIED, at("2024-05-20"), at("2024-06-11"), 3),
        Unsettled("KO 1d TRADES", "pending", "", at("2024-06-10"), at("2024-06-11")),
        Unsettled("GE 1d TRADES", "unknown", "", at("2024-06-10"), at("2024-06-11")),
    )
    message = digest(
        replace(
            DONE,
            cause="catch_up",
            complete=38,
            bars=1,
            revised=0,
            requests=1,
            unsettled=lacking,
            unmet=(UnmetSymbol("NOSUCH", "IB knows no contract for NOSUCH STK."),),
            failed=(FailedJob(31, "MSFT 1d TRADES", DENIED),),
            cancelled=2,
            snapshot=None,
            export_problem="snapshots is full (No space left on device).",
        )
    )
    assert (message.title, message.level) == ("us-equities-nightly: 4 of 42 series not complete", Level.WARNING)
    assert message.body == (
        "Due 2024-06-10 20:45 UTC, caught up. Begun 20:45, ended 20:58, after 13 min.\n\n"
        "38 of 42 series complete. 1 new bar, 1 request. 2 jobs cancelled.\n\n"
        f"Failed:\nMSFT 1d TRADES: {DENIED}\n\n"
        "Not settled:\n"
        "AAPL 1m TRADES, 2024-06-10 13:30 to 2024-06-10 20:00: timed out\n"
        f"MSFT 1d TRADES, 2024-05-20 to 2024-06-11, 3 stretches: failed, {DENIED}\n"
        "KO 1d TRADES, 2024-06-10 to 2024-06-11: empty once, to be asked again\n"
        "GE 1d TRADES, 2024-06-10 to 2024-06-11: not asked yet\n\n"
        "Not found:\nNOSUCH: IB knows no contract for NOSUCH STK.\n\n"
        "No snapshot: snapshots is full (No space left on device)."
    )


def test_a_night_that_ends_tomorrow_says_so_and_a_small_snapshot_its_size() -> None:
    late = replace(DONE, ended_at=at("2024-06-11 02:15"), snapshot=Published("out/1", 1, 5, 4_321))
    body = digest(late).body
    assert "Begun 20:45, ended 2024-06-11 02:15 UTC, after 5.5 h." in body
    assert "Snapshot out/1: 5 bars of 1 series, 4.3 kB." in body


def test_only_twenty_are_listed_then_counted() -> None:
    day = at("2024-06-10"), at("2024-06-11")
    lacking = tuple(Unsettled(f"S{n} 1d TRADES", "timed_out", "", *day) for n in range(30))
    body = digest(replace(DONE, series=900, complete=0, unsettled=lacking, unsettled_left_out=870)).body
    assert body.count("timed out") == 20
    assert "S19 1d TRADES" in body
    assert "\n… and 880 more" in body


def test_a_long_story_is_cut() -> None:
    body = digest(replace(DONE, failed=(FailedJob(1, "AAPL 1d TRADES", "why\n oh why " * 90),))).body
    line = next(line for line in body.splitlines() if line.startswith("AAPL"))
    assert line.startswith("AAPL 1d TRADES: why oh why why oh why")
    assert len(line) < 230
    assert line.endswith(" …")


def test_the_headline_says_the_worst() -> None:
    cases = {
        "1 of 42 series not complete": replace(DONE, complete=41, unmet=(UnmetSymbol("X", "no"),)),
        "1 job failed": replace(DONE, failed=(FailedJob(1, "the expansion", "no"),)),
        "2 symbols not found": replace(DONE, unmet=(UnmetSymbol("X", "no"), UnmetSymbol("Y", "no"))),
        "complete, but without a snapshot": replace(DONE, snapshot=None, export_problem="full"),
    }
    for said, done in cases.items():
        message = digest(done)
        assert (message.title, message.level) == (f"us-equities-nightly: {said}", Level.WARNING)


def test_each_firing_has_its_one_digest() -> None:
    one, other = digest(DONE), digest(replace(DONE, firing=8))
    assert one.topic != other.topic
    assert one.again_after is None


def test_several_failed_jobs_are_one_message() -> None:
    jobs = [FailedJob(31, "MSFT 1d TRADES", DENIED), FailedJob(32, "KO 1d TRADES", "gave up after 5 rounds")]
    message = failures("nightly", jobs)
    assert (message.title, message.level) == ("nightly: 2 jobs failed", Level.BAD)
    assert message.body == (
        f"Job 31, MSFT 1d TRADES: {DENIED}\nJob 32, KO 1d TRADES: gave up after 5 rounds\n\n"
        "`ingest jobs show 31` tells more, `ingest jobs retry 31` tries again."
    )
    assert failures("", jobs[:1]).title == "jobs queued by hand: 1 job failed"


def test_the_same_failure_tomorrow_is_the_same_news_and_another_is_not() -> None:
    def told(job: int, reason: str, subject: str = "MSFT 1d TRADES") -> tuple[str, str]:
        message = failures("nightly", [FailedJob(job, subject, reason)])
        return message.topic, message.says

    first = told(31, "No answer in 120.0 s, after 3 rounds.")
    assert told(77, "No answer in 90 s, after 5 rounds.") == first
    assert told(77, "IB refused.") != first
    assert told(78, "No answer in 120.0 s, after 3 rounds.", "KO 1d TRADES") == first, "whichever series it hits"


BEHIND = Freshness(
    "nightly",
    42,
    39,
    behind=timedelta(hours=13),
    worst="AAPL 1m TRADES",
    worst_end=at("2024-06-07 20:00"),
    is_scheduled=True,
)


def test_a_stale_universe() -> None:
    message = staleness([BEHIND])
    assert (message.title, message.level) == ("nightly is 13 h behind", Level.WARNING)
    assert message.body == (
        "nightly: AAPL 1m TRADES ends 2024-06-07 20:00 UTC, 13 h behind. 39 of 42 series complete.\n\n"
        "Is a worker running, and is the gateway logged in? `ingest status` and `ingest jobs list` tell more. "
        "Hours are hours of trading."
    )


def test_several_stale_universes_are_one_message_and_no_news_for_getting_worse() -> None:
    never = replace(BEHIND, wish="weekly", worst="ESZ6 1d TRADES", worst_end=None, series=1, complete=0)
    message = staleness([BEHIND, never])
    assert message.title == "2 universes are behind"
    assert "weekly: ESZ6 1d TRADES has nothing yet, 13 h behind. 0 of 1 series complete." in message.body
    assert message.says == staleness([never, replace(BEHIND, behind=timedelta(hours=20))]).says
    assert message.says != staleness([BEHIND]).says


def test_an_overdue_universe_says_how_far_it_got() -> None:
    never = Freshness(
        "weekly",
        is_scheduled=True,
        was_due=at("2024-06-10 20:45"),
        overdue=timedelta(hours=13),
        since_then="nothing has been queued since",
    )
    message = staleness([never])
    assert message.title == "weekly is overdue"
    assert message.body.startswith("weekly: It was due 2024-06-10 20:45 UTC, nothing has been queued since.\n\n")
    assert message.says == staleness([replace(never, overdue=timedelta(hours=40))]).says
    assert message.says != staleness([replace(never, since_then="nothing has finished since")]).says
    both = staleness([replace(BEHIND, was_due=never.was_due, since_then=never.since_then)])
    assert "13 h behind. It was due 2024-06-10 20:45 UTC, nothing has been queued since. 39 of 42" in both.body


def test_another_series_that_lags_is_news() -> None:
    assert staleness([BEHIND]).says != staleness([replace(BEHIND, worst="KO 1m TRADES")]).says


def test_a_gateway_that_needs_somebody() -> None:
    trouble = NeedsPerson(
        "research", at("2024-06-10 05:45"), "no way to IB", "1100: Connectivity between IB and TWS has been lost."
    )
    message = gateway_needs_person(trouble)
    assert (message.title, message.level) == ("Gateway research needs you", Level.BAD)
    assert message.body == (
        "Since 2024-06-10 05:45 UTC. It said: 1100: Connectivity between IB and TWS has been lost.\n\n"
        "Open it, log in, and confirm the login on your phone where IB asks for it. Work goes on by itself afterwards."
    )
    told = gateway_needs_person(replace(trouble, said="", advice="Log the other session out."))
    assert told.body.startswith("Since 2024-06-10 05:45 UTC. It said nothing.\n\nLog the other session out. Work goes")


def test_another_wording_is_the_same_news_and_another_matter_is_not() -> None:
    def told(matter: str, said: str, gateway: str = "main") -> tuple[str, str]:
        message = gateway_needs_person(NeedsPerson(gateway, at("2024-06-10"), matter, said))
        return message.topic, message.says

    first = told("unreachable", "Nothing accepts connections at gw:4001 (host name unknown).")
    assert told("unreachable", "gw:4001 accepted the connection and closed it without a word.") == first
    assert told("no way to IB", "The gateway at gw:4001 has had no connection to IB for 5.0 hours.") != first
    assert told("unreachable", "", "second") != first


def test_its_return_and_the_trial() -> None:
    back = gateway_back("research", at("2024-06-10 06:12"))
    assert (back.title, back.level) == ("Gateway research is back", Level.GOOD)
    assert "since 2024-06-10 06:12 UTC" in back.body
    assert "on nas at 2024-06-10 06:12 UTC" in trial("nas", at("2024-06-10 06:12")).body
