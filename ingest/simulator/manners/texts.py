"""IB's own sentences. Clients match on them, so they are kept to the letter (from captures and issue reports)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that ends a request."""

    code: int
    text: str


CLIENT_ID_IN_USE = Refusal(326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
MESSAGE_RATE = Refusal(100, "Max rate of messages per second has been exceeded.")
NO_DEFINITION = Refusal(200, "No security definition has been found for the request")
BAD_DESTINATION = Refusal(200, "Invalid destination exchange specified")
CONTFUT_END = Refusal(10339, "Setting end date/time for continuous future security type is not allowed")
SCHEDULE_DAILY_ONLY = Refusal(10295, "Only daily resolution supported for Schedule requests")
OLD_CLIENT = Refusal(
    10285, "Your API version does not support fractional size rules. Please upgrade to a minimum version 163"
)
BAD_END = Refusal(
    10314,
    "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx "
    "where yyyymmdd and xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern  Note that there is a space between "
    "the date and time, and between the time and time-zone.  If no date is specified, current date is assumed. If no "
    "time-zone is specified, local time-zone is assumed(deprecated).  You can also provide yyyymmddd-hh:mm:ss time is "
    "in UTC. Note that there is a dash between the date and time in UTC notation.",
)
NO_ZONE_WARNING = (
    2174,
    (
        "Warning: You submitted request with date-time attributes without explicit time zone. Please switch to use "
        "yyyymmdd-hh:mm:ss in UTC or use instrument time zone, like US/Eastern. Implied time zone functionality will "
        "be removed in the next API release"
    ),
)

LEGAL_BAR_SIZES = (
    "1 secs, 5 secs, 10 secs, 15 secs, 30 secs, 1 min, 2 mins, 3 mins, 5 mins, 10 mins, 15 mins, 20 mins, 30 mins, "
    "1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M"
)


def invalid(cause: str) -> Refusal:
    return Refusal(321, f"Error validating request.-'bM' : cause - {cause}")


def not_processed(cause: str) -> Refusal:
    return Refusal(322, f"Error processing request:-'bS' : cause - {cause}")


def unreadable(why: str) -> Refusal:
    return Refusal(320, why)


READ_ONLY = invalid("The API interface is currently in Read-Only mode.")
TOO_MANY_OPEN = not_processed("Only 50 simultaneous API historical data requests allowed.")
DUPLICATE_ID = not_processed("Duplicate ticker ID for API historical data query")


def ambiguous(symbol: str, *, by_multiplier: bool) -> Refusal:
    more = ";\nyou must specify the multiplier." if by_multiplier else "."
    return Refusal(200, f"The contract description specified for {symbol} is ambiguous{more}")


def history(suffix: str) -> Refusal:
    return Refusal(162, f"Historical Market Data Service error message:{suffix}")


PACING = history("Historical data request pacing violation")
TOO_LONG = history("Time length exceed max.")
NO_HEAD = history("No head time stamp")


def cancelled(req_id: int) -> Refusal:
    return history(f"API historical data query cancelled: {req_id}")


def nothing_to_cancel(req_id: int) -> Refusal:
    return Refusal(366, f"No historical data query found for ticker id:{req_id}")


def expected_instead(wanted: str, given: str) -> Refusal:
    return Refusal(10299, f"Expected what to show is {wanted}, please use that instead of {given}.")


_TRIMMED = (
    "Warning: Your API version does not support fractional share size rules. Please upgrade to a minimum version 163. "
    "Trimmed value {value} to {to}"
)


def trimmed(value: str, to: str) -> tuple[int, str]:
    return 2176, _TRIMMED.format(value=value, to=to)


#: What the history service calls a whatToShow: in "returned no data", and in "No historical market data".
_SERVICE_NAMES: dict[str, tuple[str, str]] = {
    "TRADES": ("Trades", "Last"),
    "AGGTRADES": ("AggTrades", "AggLast"),
    "ADJUSTED_LAST": ("AdjustedLast", "AdjustedLast"),
    "MIDPOINT": ("Midpoint", "MidPoint"),
    "BID": ("Bid", "Bid"),
    "ASK": ("Ask", "Ask"),
    "BID_ASK": ("BidAsk", "BidAsk"),
}


def service_names(what: str) -> tuple[str, str]:
    return _SERVICE_NAMES.get(what, (what.title(), what.title()))


def no_data(symbol: str, exchange: str, what: str) -> Refusal:
    return history(f"HMDS query returned no data: {symbol}@{exchange} {service_names(what)[0]}")


def no_series(symbol: str, sec_type: str, exchange: str, what: str, step: int) -> Refusal:
    name = service_names(what)[1]
    return history(f"No historical market data for {symbol}/{sec_type}@{exchange} {name} {step}")


def invalid_step(seconds: int) -> Refusal:
    return history(f"invalid step: {seconds}")
