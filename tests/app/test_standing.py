"""How far single series are behind: after what is settled, in trading time, as their wish is."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ingest.app import standing as module
from ingest.app.freshness import freshness
from ingest.app.standing import Standing, status_rows
from ingest.cli.status import status_table
from ingest.domain.ledger import State
from ingest.store.series import SeriesRow
from tests import given
from tests.app.wishing import DAILY, MINUTES, hold, job, refuse, wish

# Tuesday before New York opens; Monday's session was 13:30 to 20:00.
NOW = given.at("2024-06-11 12:00")
HOUR = timedelta(hours=1)


def stands(engine: Engine, row: SeriesRow) -> Standing:
    (found,) = status_rows(engine, [row], NOW)
    return found


def wished(engine: Engine) -> tuple[SeriesRow, SeriesRow]:
    with engine.begin() as connection:
        daily, minutes = wish(connection, job(), DAILY, MINUTES)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        hold(connection, minutes, "2024-06-03", "2024-06-11 11:59")
    return daily, minutes


@pytest.mark.parametrize("state", [State.TIMED_OUT, State.FAILED, State.PENDING])
def test_a_tail_that_is_not_settled_is_behind_whatever_was_tried(engine: Engine, state: State) -> None:
    _, minutes = wished(engine)
    assert stands(engine, minutes).behind is None
    with engine.begin() as connection:
        hold(connection, minutes, "2024-06-07 19:00", "2024-06-11 11:59", state, "No answer.")
    assert stands(engine, minutes).behind == 1 * HOUR + 6.5 * HOUR, "Friday's last hour and Monday"


def test_a_series_is_as_far_behind_as_its_wish_says(engine: Engine) -> None:
    daily, _ = wished(engine)
    with engine.begin() as connection:
        hold(connection, daily, "2024-06-07", "2024-06-11", State.TIMED_OUT)
    (fresh,) = freshness(engine, NOW)
    assert stands(engine, daily).behind == fresh.behind == 2 * 6.5 * HOUR


def test_confirmed_emptiness_is_settled_and_what_ib_refused_for_good_is_shown_as_that(engine: Engine) -> None:
    daily, minutes = wished(engine)
    with engine.begin() as connection:
        hold(connection, daily, "2024-06-07", "2024-06-11", State.EMPTY_CONFIRMED)
        refuse(connection, minutes, "2024-06-07 19:00", "2024-06-11 11:59")
    assert stands(engine, daily).behind is None
    refused = stands(engine, minutes)
    assert (refused.behind, list(refused.unsettled)) == (None, ["failed"])


def test_where_nothing_is_settled_all_that_was_asked_for_is_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        daily, minutes = wish(connection, job(), DAILY, MINUTES)
        hold(connection, daily, "2024-06-07", "2024-06-11", State.TIMED_OUT)
    assert stands(engine, daily).behind == 2 * 6.5 * HOUR
    assert stands(engine, minutes).behind is None, "nothing was asked for"


def test_a_series_whose_calendar_cannot_be_built_is_shown_with_the_reason(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("no such calendar")

    daily, _ = wished(engine)
    monkeypatch.setattr(module, "calendar_of", broken)
    found = stands(engine, daily)
    assert found.as_json()["problem"] == "LookupError: no such calendar"
    assert list(status_table([found]).columns[4].cells) == ["cannot be judged: LookupError: no such calendar"]
