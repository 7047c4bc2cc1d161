"""Every error that IB is known to send, and what it must leave in the ledger when it is the only answer to a request.

The expectations are written out from IB's documentation and practice, not taken from the product's own table.
"""

from ingest.domain.ledger import State
from ingest.simulator.faults.catalogue import KNOWN
from tests.faults.table import FAILED, TIMED_OUT, Row, happens, strikes

#: Said of the series or of the window: refused for good.
FOR_GOOD = [
    "no_series",
    "no_chart_data",
    "no_best",
    "starts_after_end",
    "unknown_contract",
    "expired_contract",
    "no_definition",
    "ambiguous",
    "bad_destination",
    "unreadable",
    "invalid",
    "local_symbol",
    "expected_instead",
    "bad_end",
    "bad_option_key",
    "bad_option_value",
    "contfut_end",
    "daily_only",
    "duplicate_id",
    "duplicate_query",
    "duplicate_ticker",
]

#: A person has to do something, or it may pass by itself: not settled, asked again by the next run.
NOT_NOW = [
    "pacing",
    "no_permissions",
    "other_address",
    "cancelled",
    "exited",
    "unheard_of",
    "pacing_spanish",
    "no_data_spanish",
    "message_rate",
    "too_many_tickers",
    "not_available",
    "too_many_open",
    "not_subscribed",
    "nothing_to_cancel",
    "real_time",
    "no_fundamentals",
    "locked",
    "connection_lost",
    "port_reset",
    "partly_subscribed",
    "subscription_or_delayed",
    "delayed_disabled",
    "not_subscribed_either",
    "live_updates_lost",
    "no_ticks",
    "no_tick_by_tick",
    "competing_session",
    "bust",
    "client_id_in_use",
    "old_client",
]

#: Ends no request: without the answer that should follow, the request times out.
NOTICES = [
    "scanner_cancelled",
    "hmds_disconnect",
    "hmds_failed",
    "hmds_connected",
    "restored_lost",
    "restored_kept",
    "market_farm_broken",
    "market_farm_ok",
    "hmds_farm_broken",
    "hmds_farm_ok",
    "hmds_farm_inactive",
    "market_farm_inactive",
    "server_broken",
    "market_farm_connecting",
    "secdef_farm_broken",
    "secdef_farm_ok",
    "no_zone",
    "trimmed",
    "delayed",
    "subscription",
    "delayed_shown",
    "news_not_allowed",
]

#: A smaller request may be answered; where even the smallest is refused, that is final.
TOO_LARGE = ("invalid_step", "too_long", "invalid_step_spanish")

#: IB's own word for "nothing there". Believed only when it is said twice, to requests of different shapes.
NOTHING_THERE = ("no_data", "no_head")


def _words(name: str) -> str:
    """IB's text up to its first blank, as the ledger must quote it."""
    return repr(KNOWN[name].text.partition("{")[0])[1:-1]


def _answered(names: list[str], leaves: State, *, permanent: bool = False) -> list[Row]:
    return [
        Row(
            f"{KNOWN[name].code} {name}",
            strikes("error", known=name),
            leaves,
            _words(name) if leaves is FAILED else "no complete answer within 60 s",
            permanent,
        )
        for name in names
    ]


PERSISTENT: tuple[Row, ...] = (
    *_answered(FOR_GOOD, FAILED, permanent=True),
    *_answered(list(TOO_LARGE), FAILED, permanent=True),
    *_answered(NOT_NOW, FAILED),
    *_answered(NOTICES, TIMED_OUT),
)

#: Sent once, and the request would have been answered the second time.
PASSING: tuple[Row, ...] = tuple(
    Row(f"{KNOWN[name].code} {name} once", strikes("error", known=name, times=1))
    for name in (
        *NOTHING_THERE,
        *TOO_LARGE,
        *NOTICES,
        *[
            "pacing",
            "other_address",
            "cancelled",
            "exited",
            "unheard_of",
            "pacing_spanish",
            "no_data_spanish",
            "message_rate",
            "too_many_open",
            "nothing_to_cancel",
            "connection_lost",
            "competing_session",
            "live_updates_lost",
            "bust",
        ],
    )
)

#: Said beside an answer, about the request or about nobody's.
BESIDE: tuple[Row, ...] = (
    *(Row(f"{KNOWN[name].code} {name} beside an answer", strikes("notice", known=name)) for name in NOTICES),
    *(
        Row(f"{KNOWN[name].code} {name} to everybody", happens("broadcast", known=name))
        for name in [
            "other_address",
            "competing_session",
            "hmds_disconnect",
            "market_farm_broken",
            "market_farm_ok",
            "hmds_farm_ok",
            "hmds_farm_inactive",
            "market_farm_inactive",
            "market_farm_connecting",
            "secdef_farm_broken",
            "secdef_farm_ok",
            "no_zone",
            "message_rate",
            "pacing",
            "restored_lost",
            "restored_kept",
            "unheard_of",
        ]
    ),
)
