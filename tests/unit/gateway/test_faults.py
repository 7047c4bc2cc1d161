"""What IB says and what it means. The texts are those that IB and its users have published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import PacingViolation, RequestRefused
from ingest.gateway.faults import Reaction, classify, years_back

HMDS = "Historical Market Data Service error message:"
OLDEST = (
    "Error validating request.-'bM' : cause - Historical data queries on this contract requesting any data earlier "
    "than {} back from now which is 20200608 00:00:00 are rejected.  Your query would have run from A to B."
)


@pytest.mark.parametrize(
    ("code", "text", "reaction"),
    [
        (162, HMDS + "Historical data request pacing violation", Reaction.PACING),
        (162, HMDS + "HMDS query returned no data: GOOGL@SMART Trades", Reaction.NO_DATA),
        (162, HMDS + "No historical market data for EUR/CASH@IDEALPRO Last 60", Reaction.SERIES_PERMANENT),
        (162, HMDS + "No data of type EODChart is available for the exchange 'BEST'", Reaction.SERIES_PERMANENT),
        (162, HMDS + "BEST queries are not supported for this contract", Reaction.SERIES_PERMANENT),
        (162, HMDS + "No market data permissions for NYSE STK", Reaction.OPERATOR),
        (
            162,
            HMDS + "Trading TWS session is connected from a different IP address",
            Reaction.WAIT_CONNECTIVITY,
        ),
        (162, HMDS + "API historical data query cancelled: 28", Reaction.CANCELLED),
        (162, HMDS + "invalid step: 1", Reaction.SHRINK),
        (
            162,
            "Mensaje de error de los servicios de datos de mercado históricos:invalid step: 1",
            Reaction.SHRINK,
        ),
        (162, HMDS + "Time length exceed max.", Reaction.SHRINK),
        (162, HMDS + "Starting time must occur before ending time", Reaction.WINDOW_PERMANENT),
        (162, HMDS + "Unknown contract", Reaction.SERIES_PERMANENT),
        (162, HMDS + "TWS exited during processing of HMDS query", Reaction.WAIT_CONNECTIVITY),
        (162, HMDS + "No head time stamp", Reaction.NO_DATA),
        (162, HMDS + "Ein ganz anderer Text: keine Daten", Reaction.RETRY),
        (162, "", Reaction.RETRY),
        (200, "No security definition has been found for the request", Reaction.SERIES_PERMANENT),
        (
            200,
            "The contract description specified for DESX5 is ambiguous;\nyou must specify",
            Reaction.SERIES_PERMANENT,
        ),
        (320, "Error reading request", Reaction.CLIENT_BUG),
        (
            321,
            "Error validating request.-'bM' : cause - Historical data request for greater than 86400 seconds rejected.",
            Reaction.SHRINK,
        ),
        (
            321,
            "cause - Historical data requests for durations longer than 365 days must be made in years.",
            Reaction.SHRINK,
        ),
        (
            321,
            "cause - Historical data queries on this contract requesting any data earlier than 2 year(s) back from now",
            Reaction.TOO_OLD,
        ),
        (321, "cause - What to show value of X rejected.", Reaction.SERIES_PERMANENT),
        (321, "cause - Historical data bar size setting is invalid.", Reaction.CLIENT_BUG),
        (321, "Please enter a local symbol or an expiry", Reaction.SERIES_PERMANENT),
        (
            322,
            "cause - Only 50 simultaneous API historical data requests allowed.",
            Reaction.RETRY,
        ),
        (322, "Duplicate ticker ID for API historical data query", Reaction.CLIENT_BUG),
        (326, "Unable to connect as the client id is already in use.", Reaction.OPERATOR),
        (354, "Requested market data is not subscribed.", Reaction.OPERATOR),
        (366, "No historical data query found for ticker id:7", Reaction.CANCELLED),
        (100, "Max rate of messages per second has been exceeded.", Reaction.PACING),
        (420, "Invalid real-time query: pacing violation", Reaction.PACING),
        (504, "Not connected", Reaction.WAIT_CONNECTIVITY),
        (1100, "Connectivity between IB and TWS has been lost.", Reaction.WAIT_CONNECTIVITY),
        (10197, "No market data during competing live session", Reaction.WAIT_CONNECTIVITY),
        (10285, "Your API version does not support fractional size rules.", Reaction.OPERATOR),
        (10299, "Expected what to show is AGGTRADES, please use that instead of TRADES.", Reaction.SERIES_PERMANENT),
        (10314, "End Date/Time: The date, time, or time-zone entered is invalid.", Reaction.CLIENT_BUG),
        (165, "HMDS server disconnect occurred.  Attempting reconnection...", Reaction.INFORMATION),
        (2105, "HMDS data farm connection is broken:ushmds", Reaction.INFORMATION),
        (2188, "Delayed market data", Reaction.INFORMATION),
        (10167, "Displaying delayed market data.", Reaction.INFORMATION),
        (99_999, "Something new", Reaction.RETRY),
    ],
)
def test_every_known_text_has_its_reaction(code: int, text: str, reaction: Reaction) -> None:
    assert classify(code, text).reaction is reaction


@given(code=st.integers(2100, 2199), text=st.text())
def test_warnings_never_end_a_request(code: int, text: str) -> None:
    assert not classify(code, text).ends_request


@given(text=st.text())
def test_a_text_that_nobody_knows_is_never_no_data(text: str) -> None:
    known = ("HMDS query returned no data", "no head time")
    if not any(one.lower() in text.lower() for one in known):
        assert classify(162, text).reaction is not Reaction.NO_DATA


@given(code=st.integers(-1, 20_000), text=st.text())
def test_every_message_has_a_reaction_and_keeps_its_words(code: int, text: str) -> None:
    fault = classify(code, text)
    assert (fault.code, fault.text) == (code, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (200, "No security definition has been found for the request"),
        (162, HMDS + "HMDS query returned no data: GOOGL@SMART Trades"),
        (162, HMDS + "Unknown contract"),
    ],
)
def test_nothing_is_permanent_or_empty_while_connectivity_is_broken(code: int, text: str) -> None:
    fault = classify(code, text, trusted=False)
    assert fault.reaction is Reaction.WAIT_CONNECTIVITY
    assert not fault.is_permanent


def test_a_pacing_violation_is_an_error_of_its_own() -> None:
    error = classify(162, HMDS + "Historical data request pacing violation").error("AAPL 5s TRADES")
    assert isinstance(error, PacingViolation)
    assert (error.code, error.reaction) == (162, "pacing")


@pytest.mark.parametrize(
    ("code", "text", "permanent"),
    [
        (200, "No security definition", True),
        (162, HMDS + "invalid step: 1", True),
        (162, HMDS + "No market data permissions for NYSE STK", False),
        (162, "?", False),
        (1100, "lost", False),
    ],
)
def test_a_refusal_says_whether_the_same_request_would_be_refused_again(
    code: int, text: str, *, permanent: bool
) -> None:
    error = classify(code, text).error("AAPL 1m TRADES")
    assert isinstance(error, RequestRefused)
    assert (error.code, error.text, error.permanent) == (code, text, permanent)
    assert str(error).startswith(f"AAPL 1m TRADES: IB answered {code} {text!r}.")


def test_what_a_person_must_do_is_said() -> None:
    for code, text in ((326, ""), (354, ""), (438, ""), (503, ""), (162, "No market data permissions for X")):
        assert classify(code, text).hint


@pytest.mark.parametrize(
    ("text", "years"),
    [
        (OLDEST.format("4 year(s)"), 4),
        (OLDEST.format("10 year(s)"), 10),
        (OLDEST.format("one year"), 1),
        (OLDEST.format("a few years"), None),
        (OLDEST.format("0 year(s)"), None),
        ("", None),
    ],
)
def test_the_years_that_an_account_may_have_are_read_from_the_refusal(text: str, years: int | None) -> None:
    assert years_back(text) == years


def test_a_refusal_of_what_is_too_old_carries_the_years() -> None:
    error = classify(321, OLDEST.format("4 year(s)")).error("AAPL 1d TRADES")
    assert isinstance(error, RequestRefused)
    assert (error.reaction, error.years_back, error.permanent) == ("too_old", 4, True)


@given(text=st.text())
def test_any_text_can_be_read_for_years(text: str) -> None:
    assert years_back(text) is None or years_back(text)
