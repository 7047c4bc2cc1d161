"""`Series`: instrument + bar size + what to show + hours; the unit that is wished for, covered and exported."""

from dataclasses import dataclass
from enum import StrEnum

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.what import WhatToShow


class Origin(StrEnum):
    """Where bars come from: a real account or a simulator (accounts `SIM…`). A series has one for ever."""

    LIVE = "live"
    SYNTHETIC = "synthetic"

    @classmethod
    def of_accounts(cls, accounts: tuple[str, ...]) -> "Origin":
        """A login with any simulated account is a simulator."""
        return cls.SYNTHETIC if any(account.startswith("SIM") for account in accounts) else cls.LIVE


@dataclass(frozen=True, slots=True)
class Series:
    """One series of bars. `use_rth` is IB's useRTH: regular trading hours only."""

    instrument: Instrument
    bar_size: BarSize
    what: WhatToShow
    use_rth: bool = True

    def __str__(self) -> str:
        return f"{self.instrument.label} {self.bar_size.alias} {self.what}{'' if self.use_rth else ' all hours'}"

    @property
    def must_end_now(self) -> bool:
        """Whether IB takes no end date for it: every answer is the whole range up to now and cannot be paged."""
        return self.what.must_end_now or self.instrument.must_end_now
