"""Errors by name, so that a script can say `known = "no_permissions"` instead of quoting IB.

Texts are IB's, with `{symbol}`, `{exchange}` and `{req_id}` filled in for the request that runs into them.
"""

from ingest.simulator.manners import texts
from ingest.simulator.manners.texts import Refusal

_SERVICE = "Historical Market Data Service error message:"
_SPANISH = "Mensaje de error de los servicios de datos de mercado históricos:"
_QUERY = "Historical market Data Service query message:"


def _history(suffix: str, service: str = _SERVICE) -> Refusal:
    return Refusal(162, service + suffix)


KNOWN: dict[str, Refusal] = {
    "pacing": texts.PACING,
    "no_data": _history("HMDS query returned no data: {symbol}@{exchange} Trades"),
    "no_series": _history("No historical market data for {symbol}/STK@{exchange} Last 60"),
    "no_chart_data": _history(
        "No data of type EODChart is available for the exchange 'BEST' and the security type 'Option' and '1 d' and "
        "'1 day'"
    ),
    "no_best": _history("BEST queries are not supported for this contract"),
    "no_permissions": _history("No market data permissions for {exchange} STK"),
    "other_address": _history("Trading TWS session is connected from a different IP address"),
    "cancelled": _history("API historical data query cancelled: {req_id}"),
    "invalid_step": texts.invalid_step(1),
    "too_long": texts.TOO_LONG,
    "starts_after_end": _history("Starting time must occur before ending time"),
    "unknown_contract": _history("Unknown contract"),
    "exited": _history("TWS exited during processing of HMDS query"),
    "no_head": texts.NO_HEAD,
    "scanner_cancelled": _history("API scanner subscription cancelled"),
    "unheard_of": _history("Something nobody has written down yet"),
    "pacing_spanish": _history("Historical data request pacing violation", _SPANISH),
    "no_data_spanish": _history("HMDS query returned no data: {symbol}@{exchange} Trades", _SPANISH),
    "invalid_step_spanish": _history("invalid step: 1", _SPANISH),
    "message_rate": texts.MESSAGE_RATE,
    "too_many_tickers": Refusal(101, "Max number of tickers has been reached."),
    "duplicate_ticker": Refusal(102, "Duplicate ticker ID."),
    "hmds_disconnect": Refusal(165, _QUERY + "HMDS server disconnect occurred.  Attempting reconnection..."),
    "hmds_failed": Refusal(165, _QUERY + "HMDS connection attempt failed.  Connection will be re-attempted..."),
    "hmds_connected": Refusal(165, _QUERY + "HMDS server connection was successful."),
    "expired_contract": Refusal(166, "HMDS Expired Contract Violation."),
    "no_definition": texts.NO_DEFINITION,
    "ambiguous": Refusal(
        200, "The contract description specified for {symbol} is ambiguous;\nyou must specify the multiplier."
    ),
    "bad_destination": texts.BAD_DESTINATION,
    "not_available": Refusal(203, "The security is not available or allowed for this account."),
    "unreadable": Refusal(320, "Error reading request. Message id=20"),
    "invalid": Refusal(321, "Error validating request.-'bM' : cause - What to show value of LAST rejected."),
    "local_symbol": Refusal(321, "Error validating request.-'bM' : cause - Please enter a local symbol or an expiry"),
    "too_many_open": texts.TOO_MANY_OPEN,
    "duplicate_id": texts.DUPLICATE_ID,
    "client_id_in_use": texts.CLIENT_ID_IN_USE,
    "not_subscribed": Refusal(354, "Requested market data is not subscribed."),
    "nothing_to_cancel": Refusal(366, "No historical data query found for ticker id:{req_id}"),
    "duplicate_query": Refusal(386, "Duplicate ticker ID for API historical data query."),
    "real_time": Refusal(420, "Invalid Real-time Query:No market data permissions for {exchange} STK"),
    "no_fundamentals": Refusal(430, "We are sorry, but fundamentals data for the security specified is not available."),
    "locked": Refusal(438, "The application is now locked."),
    "connection_lost": Refusal(1100, "Connectivity between IB and Trader Workstation has been lost."),
    "restored_lost": Refusal(1101, "Connectivity between IB and Trader Workstation has been restored - data lost."),
    "restored_kept": Refusal(
        1102, "Connectivity between IB and Trader Workstation has been restored - data maintained."
    ),
    "port_reset": Refusal(
        1300,
        "TWS socket port has been reset and this connection is being dropped. Please reconnect on the new port - 4001",
    ),
    "market_farm_broken": Refusal(2103, "Market data farm connection is broken:usfarm"),
    "market_farm_ok": Refusal(2104, "Market data farm connection is OK:usfarm"),
    "hmds_farm_broken": Refusal(2105, "HMDS data farm connection is broken:ushmds"),
    "hmds_farm_ok": Refusal(2106, "HMDS data farm connection is OK:ushmds"),
    "hmds_farm_inactive": Refusal(
        2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds"
    ),
    "market_farm_inactive": Refusal(
        2108, "Market data farm connection is inactive but should be available upon demand.usfarm"
    ),
    "server_broken": Refusal(
        2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
    ),
    "market_farm_connecting": Refusal(2119, "Market data farm is connecting:usfarm"),
    "secdef_farm_broken": Refusal(2157, "Sec-def data farm connection is broken:secdefnj"),
    "secdef_farm_ok": Refusal(2158, "Sec-def data farm connection is OK:secdefnj"),
    "no_zone": Refusal(*texts.NO_ZONE_WARNING),
    "trimmed": Refusal(*texts.trimmed("256069.05", "256069")),
    "delayed": Refusal(2188, "Requested market data is not subscribed. Displaying delayed market data."),
    "subscription": Refusal(
        10089, "Requested market data requires additional subscription for API. See link in 'Market Data Connections'"
    ),
    "partly_subscribed": Refusal(10090, "Part of requested market data is not subscribed."),
    "subscription_or_delayed": Refusal(
        10091,
        "Part of requested market data requires additional subscription for API. See link in 'Market Data "
        "Connections' dialog for more details.",
    ),
    "delayed_shown": Refusal(10167, "Requested market data is not subscribed. Displaying delayed market data."),
    "delayed_disabled": Refusal(10168, "Requested market data is not subscribed. Delayed market data is not enabled."),
    "not_subscribed_either": Refusal(
        10186, "Requested market data is not subscribed. Delayed market data is not enabled"
    ),
    "live_updates_lost": Refusal(10182, "Failed to request live updates (disconnected)."),
    "no_ticks": Refusal(10187, "Failed to request historical ticks:No market data permissions for {exchange} STK"),
    "no_tick_by_tick": Refusal(
        10189, "Failed to request tick-by-tick data:No market data permissions for {exchange} STK"
    ),
    "competing_session": Refusal(10197, "No market data during competing live session"),
    "bust": Refusal(10225, "Bust event occurred, current subscription is deactivated. Please resubscribe."),
    "news_not_allowed": Refusal(10276, "News feed is not allowed."),
    "old_client": texts.OLD_CLIENT,
    "daily_only": texts.SCHEDULE_DAILY_ONLY,
    "expected_instead": texts.expected_instead("AGGTRADES", "TRADES"),
    "bad_end": texts.BAD_END,
    "bad_option_key": Refusal(10337, "Misc options key is invalid."),
    "bad_option_value": Refusal(10338, "Misc options value is invalid."),
    "contfut_end": texts.CONTFUT_END,
}


def spelled_out(refusal: Refusal, *, symbol: str, exchange: str, req_id: int) -> Refusal:
    """The text with its blanks filled; braces that are not blanks stay as they are."""
    text = refusal.text
    for blank, value in (("symbol", symbol), ("exchange", exchange), ("req_id", str(req_id))):
        text = text.replace(f"{{{blank}}}", value)
    return Refusal(refusal.code, text)
