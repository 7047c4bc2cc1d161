"""Answers that need no history service: time, accounts, contracts, and refusals of everything else."""

from datetime import datetime

from ingest.simulator import lookup
from ingest.simulator.login import Client, Login
from ingest.simulator.manners import texts
from ingest.simulator.wire import answers
from ingest.simulator.wire import requests as ask
from ingest.simulator.wire.contract_answers import contract_data, symbol_samples
from ingest.simulator.wire.times import zone


def reply(login: Login, client: Client, request: ask.Request) -> bytes | texts.Refusal:
    """The frames that answer a request, or the error that does."""
    version, now = client.version, login.clock.now()
    match request:
        case ask.CurrentTime(in_milliseconds):
            return answers.current_time(version, now, in_milliseconds=in_milliseconds)
        case ask.NextId():
            return answers.next_valid_id(version, login.options.next_valid_id)
        case ask.ManagedAccounts():
            return answers.managed_accounts(version, ",".join(login.options.accounts))
        case ask.AccountQuestion():
            return answers.account_end(version, request)
        case ask.ContractRequest():
            return _contracts(login, version, request, now)
        case ask.MatchingSymbolsRequest(req_id, pattern):
            return symbol_samples(version, req_id, lookup.samples(login.market.contracts(), pattern))
        case ask.OrderMessage():
            return texts.READ_ONLY
        case ask.Unsimulated(message_id):
            return texts.invalid(f"Message {message_id} is not simulated.")
        case ask.Unknown(message_id):
            return texts.unreadable(f"Error reading request. Message id={message_id} is unknown")
        case _:
            return b""


def _contracts(login: Login, version: int, request: ask.ContractRequest, now: float) -> bytes | texts.Refusal:
    today = datetime.fromtimestamp(now, zone(login.options.time_zone)).date()
    found = lookup.find(login.market.contracts(), request.contract, today)
    if not found:
        return texts.NO_DEFINITION
    described = (lookup.describe(login.market, one, request.contract.exchange, now) for one in found)
    frames = b"".join(contract_data(version, request.req_id, details) for details in described)
    return frames + answers.contract_data_end(version, request.req_id)


def address_of(request: ask.Request) -> int:
    """The id an error about this request carries."""
    match request:
        case ask.OrderMessage(_, order_id):
            return order_id
        case (
            ask.ContractRequest(req_id)
            | ask.MatchingSymbolsRequest(req_id)
            | ask.Unsimulated(_, req_id)
            | ask.AccountQuestion(_, req_id)
        ):
            return req_id
        case _:
            return -1
