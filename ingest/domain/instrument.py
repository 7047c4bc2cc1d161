"""`Instrument`: what is traded, keyed by IB's `con_id`; and `InstrumentQuery`: what a person says to find one."""

import re
from dataclasses import dataclass

SEC_TYPES = ("STK", "ETF", "FUT", "CONTFUT", "CASH", "IND", "CRYPTO", "OPT", "CMDTY", "CFD", "FUND", "BOND")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9 .\-+&']{0,30}")
_CHAIN = re.compile(r"front([1-9]\d?)?")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A contract as IB's contract details describe it. Empty string / None where IB leaves a field unset.

    `sec_type` is IB's (an ETF is `STK` with `stock_type` "ETF"); a continuous future keeps `CONTFUT`.
    """

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    primary_exchange: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    multiplier: str = ""
    expiry: str = ""  # YYYYMMDD, last trade date
    strike: float | None = None
    right: str = ""
    long_name: str = ""
    stock_type: str = ""
    min_tick: float | None = None
    time_zone_id: str = ""

    def __post_init__(self) -> None:
        if self.con_id <= 0:
            raise ValueError(f"con_id must be positive, not {self.con_id}")
        if not self.symbol:
            raise ValueError("an instrument needs a symbol")

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """How people write it: AAPL, ESZ6, EUR.USD, BTC.USD, the option's local symbol."""
        if self.sec_type == "CONTFUT":
            return f"{self.symbol}-CONT"
        if self.sec_type in ("FUT", "OPT", "CASH") and self.local_symbol:
            return re.sub(r"\s+", " ", self.local_symbol)
        if self.sec_type in ("CASH", "CRYPTO"):
            return f"{self.symbol}.{self.currency}"
        return self.symbol

    @property
    def must_end_now(self) -> bool:
        """Continuous futures refuse an end date (error 10339)."""
        return self.sec_type == "CONTFUT"

    @property
    def has_extended_hours(self) -> bool:
        """Whether useRTH makes a difference. Forex, crypto, indices and options are served the same either way."""
        return self.sec_type not in ("CASH", "CRYPTO", "IND", "OPT")

    @property
    def is_expiring(self) -> bool:
        return bool(self.expiry) and self.sec_type in ("FUT", "OPT")


@dataclass(frozen=True, slots=True)
class InstrumentQuery:
    """What a person types, as fields for a contract-details request. Empty means "not said".

    With `front` it is a chain of futures: the so many nearest expiries that are not over, which roll with time.
    """

    symbol: str = ""
    sec_type: str = "STK"
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    expiry: str = ""
    strike: float | None = None
    right: str = ""
    multiplier: str = ""
    local_symbol: str = ""
    con_id: int = 0
    trading_class: str = ""
    front: int = 0

    def __post_init__(self) -> None:
        if not (self.symbol or self.local_symbol or self.con_id):
            raise ValueError("an instrument needs a symbol, a local symbol or a con_id")
        if self.sec_type not in SEC_TYPES:
            raise ValueError(f"unknown security type {self.sec_type!r}; use one of {', '.join(SEC_TYPES)}")
        for text in (self.symbol, self.local_symbol):
            if text and not _SYMBOL.fullmatch(text):
                raise ValueError(f"{text!r} cannot be a symbol: letters, digits, blank and . - + & ' only, 31 at most")
        if self.front and (self.sec_type != "FUT" or self.expiry or not self.symbol):
            raise ValueError("only futures make a chain of expiries; write SYMBOL:FUT:front2")

    def __str__(self) -> str:
        parts = [self.symbol or self.local_symbol or f"con_id {self.con_id}", self.sec_type]
        chain = f"front{self.front}" if self.front else ""
        said = (self.expiry, chain, self.trading_class, self.exchange, self.primary_exchange, self.currency)
        return " ".join([*parts, *(part for part in said if part)])

    @classmethod
    def parse(cls, text: str, *, sec_type: str = "", exchange: str = "", currency: str = "") -> "InstrumentQuery":
        """Read `AAPL`, `BRK B`, `EUR.USD`, `ESZ6`, `ES:FUT:202612`, `SPX:IND`, `BTC:CRYPTO`, `con_id:265598`.

        The long form is `SYMBOL:SECTYPE[:EXPIRY]`, for options `SPY:OPT:20261218:500:C`, with `@EXCHANGE` behind it
        where one must be named. `ES:FUT:front2` is a chain: the two nearest expiries. Behind the expiry of a future, or
        behind `front2`, its trading class may stand where one symbol has several: `SI:FUT:front2:SI@COMEX`.
        Raises ValueError with one line that says what is wrong.
        """
        body, _, at = text.strip().partition("@")
        words = [word.strip() for word in body.split(":")]
        if words[0].lower() == "con_id" and len(words) == 2 and words[1].isdigit():
            return cls(con_id=int(words[1]), sec_type=sec_type or "STK", exchange=at or exchange)
        symbol = words[0].upper()
        if not symbol:
            raise ValueError("an empty symbol names nothing; give one such as AAPL, EUR.USD or ESZ6")
        kind = (words[1].upper() if len(words) > 1 else sec_type) or _guess(symbol)
        where, money = (at or exchange).upper(), currency.upper()
        if kind == "OPT" and len(words) > 3:
            return cls._option(text, words, where, money)
        if kind == "FUT" and len(words) > 2:
            return cls._future(text, words, where, money)
        expiry = _expiry(text, words[2]) if len(words) > 2 else ""
        if len(words) > 3:
            raise ValueError(f"{text!r} has too many parts; write SYMBOL:SECTYPE[:EXPIRY]")
        if kind == "CASH" and re.fullmatch(r"[A-Z]{3}\.[A-Z]{3}", symbol):
            return cls(symbol=symbol[:3], currency=symbol[4:], sec_type="CASH", exchange=where or "IDEALPRO")
        if kind == "FUT" and re.fullmatch(r"[A-Z0-9]{1,4}[FGHJKMNQUVXZ]\d{1,2}", symbol):
            return cls(local_symbol=symbol, sec_type="FUT", exchange=where, currency=money)
        return cls(symbol=symbol, sec_type=kind, expiry=expiry, exchange=where, currency=money)

    @classmethod
    def _future(cls, text: str, words: list[str], exchange: str, currency: str) -> "InstrumentQuery":
        """`ES:FUT:202612`, `ES:FUT:front2`, `SI:FUT:front2:SI`."""
        symbol, _, when, *rest = words
        if len(rest) > 1 or (rest and not re.fullmatch(r"[A-Za-z0-9]{1,12}", rest[0])):
            raise ValueError(f"{text!r} is not a future; write SYMBOL:FUT:YYYYMM or SYMBOL:FUT:front2, then [:CLASS]")
        chain = _CHAIN.fullmatch(when.lower())
        return cls(
            symbol=symbol.upper(),
            sec_type="FUT",
            expiry="" if chain else _expiry(text, when),
            exchange=exchange,
            currency=currency,
            trading_class=rest[0].upper() if rest else "",
            front=int(chain[1] or 1) if chain else 0,
        )

    @classmethod
    def _option(cls, text: str, words: list[str], exchange: str, currency: str) -> "InstrumentQuery":
        found = re.fullmatch(r"(\d{8}):(\d+(?:\.\d+)?):([CP])", ":".join(words[2:]).upper())
        if not found:
            raise ValueError(f"{text!r} is not an option; write SYMBOL:OPT:YYYYMMDD:STRIKE:C or P")
        return cls(
            symbol=words[0].upper(),
            sec_type="OPT",
            expiry=found[1],
            strike=float(found[2]),
            right=found[3],
            exchange=exchange,
            currency=currency,
        )


def _expiry(text: str, word: str) -> str:
    if word and not re.fullmatch(r"\d{6}(\d{2})?", word):
        raise ValueError(f"{text!r}: the expiry must be YYYYMM, YYYYMMDD or (of futures) front2, not {word!r}")
    return word


def _guess(symbol: str) -> str:
    if re.fullmatch(r"[A-Z]{3}\.[A-Z]{3}", symbol):
        return "CASH"
    if re.fullmatch(r"[A-Z]{2,3}[FGHJKMNQUVXZ]\d{1,2}", symbol):
        return "FUT"
    return "STK"
