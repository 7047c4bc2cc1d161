"""How much one request asks for, per bar size: IB publishes ceilings, not what completes, so these are practice.

Sources (facts of IB practice): LEAN 7 D for 1 min, 2000 S for 1 s; pysystemtrade 14400 S for 10 s; QDMS 7200 S for 5 s;
APAC harvests 30 D for 5 min; LEAN 6 M for 1 hour; barbucket 5 Y for 1 day. Settings override any of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration

DEFAULT_SPANS: Mapping[BarSize, Duration] = {
    BarSize.SEC_1: Duration(2000, "S"),
    BarSize.SEC_5: Duration(7200, "S"),
    BarSize.SEC_10: Duration(14_400, "S"),
    BarSize.SEC_15: Duration(14_400, "S"),
    BarSize.SEC_30: Duration(28_800, "S"),
    BarSize.MIN_1: Duration(7, "D"),
    BarSize.MIN_2: Duration(14, "D"),
    BarSize.MIN_3: Duration(20, "D"),
    BarSize.MIN_5: Duration(30, "D"),
    BarSize.MIN_10: Duration(60, "D"),
    BarSize.MIN_15: Duration(90, "D"),
    BarSize.MIN_20: Duration(90, "D"),
    BarSize.MIN_30: Duration(120, "D"),
    BarSize.HOUR_1: Duration(180, "D"),
    BarSize.HOUR_2: Duration(250, "D"),
    BarSize.HOUR_3: Duration(250, "D"),
    BarSize.HOUR_4: Duration(250, "D"),
    BarSize.HOUR_8: Duration(250, "D"),
    BarSize.DAY_1: Duration(5, "Y"),
    BarSize.WEEK_1: Duration(10, "Y"),
    BarSize.MONTH_1: Duration(20, "Y"),
}

#: The most that one request was seen to bring (live probes of practitioners), for series that cannot be paged.
WIDEST_SPANS: Mapping[BarSize, Duration] = {
    BarSize.MIN_1: Duration(14, "D"),
    BarSize.MIN_5: Duration(150, "D"),
    BarSize.MIN_15: Duration(365, "D"),
    BarSize.MIN_20: Duration(365, "D"),
    BarSize.MIN_30: Duration(365, "D"),
    BarSize.HOUR_1: Duration(365, "D"),
    BarSize.HOUR_2: Duration(365, "D"),
    BarSize.HOUR_3: Duration(365, "D"),
    BarSize.HOUR_4: Duration(365, "D"),
    BarSize.HOUR_8: Duration(365, "D"),
    BarSize.DAY_1: Duration(20, "Y"),
    BarSize.WEEK_1: Duration(20, "Y"),
    BarSize.MONTH_1: Duration(20, "Y"),
}


@dataclass(frozen=True, slots=True)
class Spans:
    """The span of a request per bar size. Intraday sizes above 30 s count sessions (D), smaller ones seconds (S).

    `learned` holds smaller ones by bar size and security type; it may change while a run goes on (`learning`).
    """

    by_size: Mapping[BarSize, Duration] = field(default_factory=lambda: DEFAULT_SPANS)
    learned: Mapping[tuple[BarSize, str], Duration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for size, span in self.by_size.items():
            wanted = "S" if size.is_small else "Y" if size.is_daily else "D"
            if span.unit != wanted:
                raise ValueError(f"the request span of {size} must be in {wanted}, not {span}")

    def of(self, size: BarSize, sec_type: str = "") -> Duration:
        """What one request asks for; without a security type what is configured, whatever was learned."""
        return self.learned.get((size, sec_type)) or self.by_size.get(size) or DEFAULT_SPANS[size]

    def to_now(self, size: BarSize) -> Duration:
        """The span of the one request that a series without end dates gets; never less than `of`."""
        widest, usual = WIDEST_SPANS.get(size), self.of(size)
        return usual if widest is None else max(usual, widest, key=lambda span: span.count)
