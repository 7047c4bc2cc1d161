"""The one table of what IB says and what to do about it: code (and for some codes, text) → `Fault`.

Codes and texts: IB Campus "Error handling" and the message-codes page; 162 is one code for two dozen situations and is
told apart by its text, which is localised when TWS is not in English. A text that is not in the table is therefore
never "no data": it is retried a bounded number of times and kept raw.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from ingest.errors import PacingViolation, RequestError, RequestRefused


class Reaction(StrEnum):
    """What a message asks for."""

    RETRY = "retry"  # ask again later, a bounded number of times
    PACING = "pacing"  # everyone on the login pauses
    NO_DATA = "no_data"  # IB's own answer "nothing there", for this window
    WINDOW_PERMANENT = "window_permanent"  # this window can never be had
    SERIES_PERMANENT = "series_permanent"  # nothing of this series can be had
    TOO_OLD = "too_old"  # it reaches back too far: what is younger can be had
    SHRINK = "shrink"  # ask for less at a time
    WAIT_CONNECTIVITY = "wait_connectivity"  # wait until IB is reachable, then ask again
    INFORMATION = "information"  # ends no request
    OPERATOR = "operator"  # a person must change something; ask again another day
    CLIENT_BUG = "client_bug"  # this program asked for something impossible
    CANCELLED = "cancelled"  # the echo of a cancel


_FOR_GOOD = frozenset({Reaction.WINDOW_PERMANENT, Reaction.TOO_OLD, Reaction.SERIES_PERMANENT})
_SAME_AGAIN = _FOR_GOOD | {Reaction.SHRINK, Reaction.CLIENT_BUG}
_NEEDS_TRUST = _FOR_GOOD | {Reaction.NO_DATA}


@dataclass(frozen=True, slots=True)
class Fault:
    """One message with its meaning. `hint` tells a person what to do."""

    code: int
    text: str
    reaction: Reaction
    hint: str

    @property
    def ends_request(self) -> bool:
        """Whether no answer will follow for the request it names (warnings and notices end nothing)."""
        return self.reaction is not Reaction.INFORMATION

    @property
    def is_permanent(self) -> bool:
        """Whether exactly the same request would be refused again."""
        return self.reaction in _SAME_AGAIN

    def error(self, asked: str) -> RequestError:
        """The exception for a request that this message ended; `asked` names the request."""
        message = f"{asked}: IB answered {self.code} {self.text!r}."
        error: RequestError
        if self.reaction is Reaction.PACING:
            error = PacingViolation(message, hint=self.hint, code=self.code, text=self.text)
        else:
            error = RequestRefused(message, hint=self.hint, code=self.code, text=self.text, permanent=self.is_permanent)
            error.years_back = years_back(self.text) if self.reaction is Reaction.TOO_OLD else None
        error.reaction = self.reaction
        return error


@dataclass(frozen=True, slots=True)
class _Rule:
    """Applies to its codes where `pattern` is found in the text (any case; empty: always)."""

    codes: frozenset[int]
    pattern: str
    reaction: Reaction
    hint: str


def _rule(codes: int | tuple[int, ...], pattern: str, reaction: Reaction, hint: str = "") -> _Rule:
    return _Rule(frozenset([codes] if isinstance(codes, int) else codes), pattern, reaction, hint)


_R = Reaction
_SERVICE = r"(Historical Market Data Service error message:)?\s*"
_OTHER_WHAT = "Choose another --what for this instrument."
_ENTITLE = "Subscribe to the market data in Client Portal, for this very username; then run again."
_RECONNECT = "Wait; the session is opened again by itself."
_RULES: tuple[_Rule, ...] = (
    # 162, by its text (facts collected from IB's pages and from the field)
    _rule(162, "pacing violation", _R.PACING, "Everyone on this login pauses for a minute."),
    # Emptiness is believed in IB's own English sentence only, from its first word on.
    _rule(162, rf"^{_SERVICE}HMDS query returned no data", _R.NO_DATA, "IB has no bars in this window."),
    _rule(162, rf"^{_SERVICE}No head time ?stamp", _R.NO_DATA, "IB has no head timestamp for this series."),
    _rule(162, "No historical market data for", _R.SERIES_PERMANENT, _OTHER_WHAT),
    _rule(162, "No data of type", _R.SERIES_PERMANENT, "IB keeps no such bars for this product."),
    _rule(162, "BEST queries are not supported", _R.SERIES_PERMANENT, "Name the instrument's own exchange, not SMART."),
    _rule(162, "Unknown contract", _R.SERIES_PERMANENT, "IB's history does not know this contract; look it up again."),
    _rule(162, "No market data permissions", _R.OPERATOR, _ENTITLE),
    _rule(
        162,
        "connected from a different IP",
        _R.WAIT_CONNECTIVITY,
        "The username is in use elsewhere; give this program a username of its own.",
    ),
    _rule(162, "query cancel", _R.CANCELLED),
    _rule(162, "scanner subscription cancel", _R.INFORMATION),
    _rule(162, "invalid step", _R.SHRINK, "The bar size does not go with so long a duration."),
    _rule(162, "Time length exceed max", _R.SHRINK, "The duration is too long for this bar size."),
    _rule(162, "Starting time must occur before", _R.WINDOW_PERMANENT, "The window is older than IB keeps such bars."),
    _rule(162, "TWS exited during processing", _R.WAIT_CONNECTIVITY, _RECONNECT),
    _rule(162, "", _R.RETRY, "An unknown answer (TWS may not be in English): it is not taken for 'no data'."),
    # definitions and validation
    _rule(200, "ambiguous", _R.SERIES_PERMANENT, "Name the exchange, the currency, the multiplier or the con_id."),
    _rule(200, "destination exchange", _R.SERIES_PERMANENT, "Name an exchange that IB knows for this instrument."),
    _rule(
        200, "", _R.SERIES_PERMANENT, "Check symbol, type, exchange and currency; `con_id:NUMBER` is never ambiguous."
    ),
    _rule(203, "currency|ambiguous", _R.SERIES_PERMANENT, "Name the currency."),
    _rule(203, "", _R.OPERATOR, "The account may not use this product."),
    _rule(166, "", _R.SERIES_PERMANENT, "IB keeps expired futures for two years only, other expired contracts never."),
    _rule(320, "", _R.CLIENT_BUG, "IB could not read the request; please report it."),
    _rule(
        321,
        "requesting any data earlier than",
        _R.TOO_OLD,
        "The account's history does not reach back so far.",
    ),
    _rule(321, "greater than|longer than|requested duration", _R.SHRINK, "The duration is too long."),
    _rule(321, "What to show|adjusted last|live updates", _R.SERIES_PERMANENT, _OTHER_WHAT),
    _rule(321, "local symbol or an expiry", _R.SERIES_PERMANENT, "Name the expiry or the local symbol."),
    _rule(321, "", _R.CLIENT_BUG, "IB's validation refuses the request as it is."),
    _rule(322, "Duplicate ticker", _R.CLIENT_BUG),
    _rule(322, "", _R.RETRY, "Too many requests are open on this login; lower the concurrency if it stays."),
    _rule((102, 386, 501, 508), "", _R.CLIENT_BUG, "Please report it with its text."),
    _rule((103, 104, 110, 201, 202), "", _R.CLIENT_BUG, "About orders, which this program cannot send."),
    _rule(10295, "", _R.CLIENT_BUG, "SCHEDULE takes daily bars only."),
    _rule(10299, "", _R.SERIES_PERMANENT, _OTHER_WHAT),
    _rule((10314, 10337, 10338, 10339), "", _R.CLIENT_BUG, "IB does not take the request's end or options as sent."),
    # permission and configuration
    _rule((101, 354, 10090, 10091, 10168, 10186, 10187), "", _R.OPERATOR, _ENTITLE),
    _rule(
        326,
        "",
        _R.OPERATOR,
        "Choose another client id, or close the program (or wait for the stale session) that has it.",
    ),
    _rule(438, "", _R.OPERATOR, "The account or TWS is locked: unlock it, then run again."),
    _rule((503, 505, 506), "", _R.OPERATOR, "Update TWS or IB Gateway."),
    _rule(10285, "", _R.OPERATOR, "The negotiated protocol is too old for fractional sizes: update TWS or IB Gateway."),
    # pace and connectivity
    _rule(100, "", _R.PACING, "Too many messages a second: everyone on this login pauses."),
    _rule(420, "permission", _R.OPERATOR, _ENTITLE),
    _rule(420, "pacing", _R.PACING, "Everyone on this login pauses for a minute."),
    _rule(366, "", _R.CANCELLED),
    _rule((502, 504, 507, 509, 10038, 10053, 1100), "", _R.WAIT_CONNECTIVITY, _RECONNECT),
    _rule(1300, "", _R.WAIT_CONNECTIVITY, "The API port was changed in TWS: change it in the settings as well."),
    _rule(
        (10189, 10197),
        "",
        _R.WAIT_CONNECTIVITY,
        "Another session uses this username's data; log it out, or use a username of its own.",
    ),
    _rule((10182, 10225), "", _R.RETRY),
    # what ends no request
    _rule((165, 1101, 1102, 10089, 10167, 10276), "", _R.INFORMATION),
    _rule(2110, "", _R.INFORMATION, "TWS has lost IB and reconnects by itself."),
    _rule((2103, 2105, 2157), "", _R.INFORMATION, "A data farm is unreachable; IB restores it by itself."),
    _rule(2174, "", _R.INFORMATION, "A time was sent without its zone; please report it."),
    _rule(2176, "", _R.INFORMATION, "Sizes are truncated: update TWS or IB Gateway."),
)
_UNKNOWN = "This code is not in the table; it is retried a few times and kept in the request log."


def classify(code: int, text: str, *, trusted: bool = True) -> Fault:
    """What a message means. Pure; never raises.

    `trusted` False (connectivity to IB is or just was broken) makes "no data" and permanent refusals transient: IB
    sends false 200s during its nightly reset. Codes 2100–2199 never end a request.
    """
    reaction, hint = _look_up(code, text)
    if not trusted and reaction in _NEEDS_TRUST:
        return Fault(
            code, text, Reaction.WAIT_CONNECTIVITY, "Connectivity to IB is broken, so this answer proves nothing."
        )
    return Fault(code, text, reaction, hint)


def years_back(text: str) -> int | None:
    """N of "any data earlier than N year(s) back from now" (older builds wrote "one year"); None where it has none."""
    found = re.search(r"earlier than (\d{1,3}|one) year", text, re.IGNORECASE)
    if found is None:
        return None
    return 1 if found[1].lower() == "one" else int(found[1]) or None


def _look_up(code: int, text: str) -> tuple[Reaction, str]:
    for rule in _RULES:
        if code in rule.codes and re.search(rule.pattern, text, re.IGNORECASE):
            return rule.reaction, rule.hint
    if 2100 <= code <= 2199:
        return Reaction.INFORMATION, ""
    return Reaction.RETRY, _UNKNOWN
