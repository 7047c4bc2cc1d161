"""`WhatToShow`: IB's data types, with what each means for a pipeline (facts: IB Campus, "whatToShow")."""

from enum import StrEnum


class WhatToShow(StrEnum):
    """IB's whatToShow strings for bars. `SCHEDULE` is not one of them here: it gives sessions, not bars."""

    TRADES = "TRADES"
    ADJUSTED_LAST = "ADJUSTED_LAST"
    MIDPOINT = "MIDPOINT"
    BID = "BID"
    ASK = "ASK"
    BID_ASK = "BID_ASK"
    AGGTRADES = "AGGTRADES"
    HISTORICAL_VOLATILITY = "HISTORICAL_VOLATILITY"
    OPTION_IMPLIED_VOLATILITY = "OPTION_IMPLIED_VOLATILITY"
    FEE_RATE = "FEE_RATE"
    YIELD_BID = "YIELD_BID"
    YIELD_ASK = "YIELD_ASK"
    YIELD_BID_ASK = "YIELD_BID_ASK"
    YIELD_LAST = "YIELD_LAST"

    @classmethod
    def parse(cls, text: str) -> "WhatToShow":
        try:
            return cls(text.strip().upper())
        except ValueError:
            raise ValueError(f"unknown data type {text!r}; use one of {', '.join(cls)}") from None

    @property
    def pacing_cost(self) -> int:
        """Requests it counts for under the small-bar rules: BID_ASK counts twice (IB Campus, pacing)."""
        return 2 if self is WhatToShow.BID_ASK else 1

    @property
    def must_end_now(self) -> bool:
        """Whether IB refuses an end date, so that history cannot be paged (321 'End date not supported with …')."""
        return self is WhatToShow.ADJUSTED_LAST

    @property
    def has_volume(self) -> bool:
        return self in (WhatToShow.TRADES, WhatToShow.ADJUSTED_LAST, WhatToShow.AGGTRADES)


def default_what(sec_type: str) -> WhatToShow:
    """What a user means who names none: midpoint for forex (it has no trades), AGGTRADES for crypto, else TRADES."""
    return {"CASH": WhatToShow.MIDPOINT, "CRYPTO": WhatToShow.AGGTRADES, "CFD": WhatToShow.MIDPOINT}.get(
        sec_type, WhatToShow.TRADES
    )
