"""The connection cannot place an order: everything ibapi's client can send is tried, in text and in protobuf."""

import inspect
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.message import OUT
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.scanner import ScannerSubscription

from ingest.gateway.encoder import Encoder
from ingest.gateway.frames import ALLOWED, PROTOBUF_OFFSET, ForbiddenMessage, check_read_only

_WRITING = (
    "cancel",
    "place",
    "exercise",
    "start",
    "replace",
    "subscribe",
    "unsubscribe",
    "update",
    "setServerLogLevel",
)
_REQUESTS = ("req", "query", "calculate", "verify", *_WRITING)
_OBJECTS: dict[str, Any] = {
    "contract": Contract,
    "order": Order,
    "orderCancel": OrderCancel,
    "execFilter": ExecutionFilter,
    "subscription": ScannerSubscription,
}
_TEXTS = (
    "str",
    "Date",
    "Code",
    "exchange",
    "Exchange",
    "SecType",
    "name",
    "tags",
    "account",
    "acctCode",
    "what",
    "Id_",
)
_READING = {name for name in vars(OUT) if not name.startswith("_") and getattr(OUT, name) in ALLOWED}


class Guard:
    """Takes ibapi's frames like the transport does: looks first, and keeps what may leave."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.sent: set[int] = set()
        self.refused: set[int] = set()

    def sendMsg(self, frame: bytes) -> None:  # noqa: N802 -- ibapi's name
        try:
            self.sent.add(check_read_only(frame, self.version))
        except ForbiddenMessage:
            head = frame[4:]
            text = head.split(b"\0")[0].decode() if self.version <= 200 else str(int.from_bytes(head[:4], "big"))
            self.refused.add(int(text))
            raise

    def isConnected(self) -> bool:  # noqa: N802 -- ibapi's name
        return True

    def disconnect(self) -> None:
        """Nothing to close."""


def argument(name: str, annotation: object) -> Any:
    if name in _OBJECTS:
        return _OBJECTS[name]()
    wanted = getattr(annotation, "__name__", "")
    if wanted == "str" or any(name.endswith(text) for text in _TEXTS):
        return "1"
    if wanted == "list" or name.endswith(("Options", "options")):
        return []
    return 1


def call_everything(version: int) -> Guard:
    guard = Guard(version)
    client = Encoder(version, 7).client
    client.conn = guard
    for name, method in inspect.getmembers(EClient, inspect.isfunction):
        if not name.startswith(_REQUESTS):
            continue
        parameters = list(inspect.signature(method).parameters.items())[1:]
        if name.endswith("ProtoBuf"):
            module = __import__(f"ibapi.protobuf.{_message_of(method)}_pb2", fromlist=["x"])
            arguments = [getattr(module, _message_of(method))()]
        else:
            arguments = [argument(one, parameter.annotation) for one, parameter in parameters]
        try:
            getattr(client, name)(*arguments)
        except ForbiddenMessage:
            continue  # most of ibapi's methods catch it themselves
        except (TypeError, ValueError, AttributeError):
            if name.startswith(("place", "cancel", "req")) and "Order" in name:
                raise
    return guard


def _message_of(method: Any) -> str:
    known = {
        "reqMarketDataProtoBuf": "MarketDataRequest",
        "cancelMarketDataProtoBuf": "CancelMarketData",
        "cancelContractDataProtoBuf": "CancelContractData",
        "cancelHistoricalTicksProtoBuf": "CancelHistoricalTicks",
    }
    annotation = next(iter(list(inspect.signature(method).parameters.values())[1:])).annotation
    return known.get(method.__name__) or str(annotation.__name__)


@pytest.mark.parametrize("version", [176, 200, 202, 208, 213, 225])
def test_of_all_that_ibapi_can_send_only_reading_gets_through(version: int) -> None:
    guard = call_everything(version)
    plain_sent = {one % PROTOBUF_OFFSET for one in guard.sent}
    plain_refused = {one % PROTOBUF_OFFSET for one in guard.refused}
    assert plain_sent <= ALLOWED
    assert not plain_refused & ALLOWED
    assert {OUT.PLACE_ORDER, OUT.CANCEL_ORDER, OUT.REQ_GLOBAL_CANCEL} <= plain_refused
    assert len(plain_refused) > 45


def test_nearly_every_known_message_was_really_tried() -> None:
    everything = {getattr(OUT, name) for name in vars(OUT) if not name.startswith("_")}
    tried = {one % PROTOBUF_OFFSET for one in call_everything(225).refused | call_everything(225).sent}
    assert len(everything - tried) <= 8, everything - tried


def test_orders_are_refused_in_protobuf_as_well() -> None:
    assert {PROTOBUF_OFFSET + OUT.PLACE_ORDER, PROTOBUF_OFFSET + OUT.CANCEL_ORDER} <= call_everything(225).refused


def test_everything_on_the_list_only_reads() -> None:
    assert {
        "START_API",
        "REQ_MANAGED_ACCTS",
        "REQ_CONTRACT_DATA",
        "CANCEL_CONTRACT_DATA",
        "REQ_MATCHING_SYMBOLS",
        "REQ_HEAD_TIMESTAMP",
        "CANCEL_HEAD_TIMESTAMP",
        "REQ_HISTORICAL_DATA",
        "CANCEL_HISTORICAL_DATA",
        "REQ_CURRENT_TIME",
        "REQ_CURRENT_TIME_IN_MILLIS",
    } == _READING
