"""What people type for an instrument, and what it is taken for."""

import pytest

from ingest.domain.instrument import Instrument, InstrumentQuery


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("AAPL", InstrumentQuery(symbol="AAPL")),
        ("brk b", InstrumentQuery(symbol="BRK B")),
        ("SHOP@TSE", InstrumentQuery(symbol="SHOP", exchange="TSE")),
        ("EUR.USD", InstrumentQuery(symbol="EUR", currency="USD", sec_type="CASH", exchange="IDEALPRO")),
        ("ESZ6", InstrumentQuery(local_symbol="ESZ6", sec_type="FUT")),
        ("ES:FUT:202612", InstrumentQuery(symbol="ES", sec_type="FUT", expiry="202612")),
        ("ES:CONTFUT@CME", InstrumentQuery(symbol="ES", sec_type="CONTFUT", exchange="CME")),
        ("SPX:IND", InstrumentQuery(symbol="SPX", sec_type="IND")),
        ("BTC:CRYPTO", InstrumentQuery(symbol="BTC", sec_type="CRYPTO")),
        (
            "SPY:OPT:20261218:500:c",
            InstrumentQuery(symbol="SPY", sec_type="OPT", expiry="20261218", strike=500.0, right="C"),
        ),
        ("con_id:265598", InstrumentQuery(con_id=265598)),
        ("ES:FUT:front2@CME", InstrumentQuery(symbol="ES", sec_type="FUT", exchange="CME", front=2)),
        ("es:fut:FRONT", InstrumentQuery(symbol="ES", sec_type="FUT", front=1)),
        (
            "SI:FUT:front12:si@COMEX",
            InstrumentQuery(symbol="SI", sec_type="FUT", exchange="COMEX", front=12, trading_class="SI"),
        ),
        (
            "SI:FUT:202612:SIL",
            InstrumentQuery(symbol="SI", sec_type="FUT", expiry="202612", trading_class="SIL"),
        ),
    ],
)
def test_a_text_is_taken_for(text: str, query: InstrumentQuery) -> None:
    assert InstrumentQuery.parse(text) == query


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "../../x", "ES/Z6", "é", "A\0B", "AAPL:STOCK", "ES:FUT:december", "A" * 40),
        *("SPY:OPT:2026:500:C", "SPY:OPT:20261218:500", "SPY:OPT:20261218:500:X", "SPY:OPT:20261218:500:C:C"),
        *(
            "ES:FUT:front0",
            "ES:FUT:front100",
            "ES:FUT:front-1",
            "ES:FUT:back2",
            "ES:FUT:front2:SI:SI",
            "ES:FUT:front2:",
        ),
        *(
            "ES:FUT:front2:",
            "AAPL:STK:front2",
            "ES:CONTFUT:front2",
            "front2:FUT:front2:@CME",
            "AAPL:STK::SMART",
            "SPY:OPT:front2",
        ),
    ],
)
def test_nonsense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]") as refused:
        InstrumentQuery.parse(text)
    assert "\n" not in str(refused.value)


def test_a_chain_is_told_by_its_words() -> None:
    assert str(InstrumentQuery.parse("SI:FUT:front2:SIL@COMEX", currency="USD")) == "SI FUT front2 SIL COMEX USD"


def test_labels_are_what_people_write() -> None:
    def label(sec_type: str, symbol: str, **more: str) -> str:
        return Instrument(1, symbol, sec_type, "X", "USD", **more).label  # type: ignore[arg-type]

    assert label("STK", "AAPL") == "AAPL"
    assert label("FUT", "ES", local_symbol="ESZ6") == "ESZ6"
    assert label("CONTFUT", "ES") == "ES-CONT"
    assert label("CASH", "EUR", local_symbol="EUR.USD") == "EUR.USD"
    assert label("CRYPTO", "BTC") == "BTC.USD"
    assert label("OPT", "SPY", local_symbol="SPY   261218C00500000") == "SPY 261218C00500000"
