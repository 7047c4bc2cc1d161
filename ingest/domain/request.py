"""`Session`, `Chunk`, `HistoricalRequest`: what is wanted as one request can answer it, and what goes on the wire."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from ingest.domain.series import Series
from ingest.domain.window import Window, Windows

DurationUnit = Literal["S", "D", "W", "M", "Y"]


@dataclass(frozen=True, slots=True, order=True)
class Session:
    """A trading session: its date (that on which it closes) and its hours `[open, close)` in UTC.

    `quiet` are hours in which a liquid instrument may be silent too: lunch breaks, auctions after the close.
    """

    day: date
    hours: Window
    quiet: Windows = ()


@dataclass(frozen=True, slots=True)
class Duration:
    """IB's duration string, `<integer> <unit>`; S counts clock time, D sessions, W M Y the calendar."""

    count: int
    unit: DurationUnit

    def __post_init__(self) -> None:
        ceiling = {"S": 86_400, "D": 365, "W": 52, "M": 12, "Y": 68}[self.unit]
        floor = 30 if self.unit == "S" else 1
        if not floor <= self.count <= ceiling:
            raise ValueError(f"IB takes {floor} to {ceiling} {self.unit}, not {self.count}")

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"

    @classmethod
    def parse(cls, text: str) -> "Duration":
        words = text.split()
        if len(words) != 2 or not words[0].isdigit() or words[1] not in ("S", "D", "W", "M", "Y"):
            raise ValueError(f"{text!r} is not a duration; write for example '7 D', '2000 S' or '1 Y'")
        return cls(int(words[0]), words[1])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A series and a window that one request can answer, with the calendar's sessions in it (None: not to be judged).

    `is_known` False: the exchange's calendar is not known, and the sessions are all the days there are.

    `to_now` marks series that IB serves only as a whole up to now; their answer replaces what is held.
    """

    series: Series
    window: Window
    sessions: tuple[Session, ...] | None
    to_now: bool = False
    is_known: bool = True

    def __str__(self) -> str:
        return f"{self.series} {self.window}"


@dataclass(frozen=True, slots=True)
class HistoricalRequest:
    """A `reqHistoricalData` as sent. `end` None means "now" (IB's empty endDateTime)."""

    series: Series
    end: datetime | None
    duration: Duration

    def __post_init__(self) -> None:
        if self.end is not None:
            if self.end.tzinfo is None:
                raise ValueError("a request's end needs a time zone")
            object.__setattr__(self, "end", self.end.astimezone(UTC))
            if self.series.must_end_now:
                raise ValueError(f"{self.series}: IB takes no end date for it")

    def __str__(self) -> str:
        return f"{self.series}: {self.duration} to {self.end_text or 'now'}"

    @property
    def end_text(self) -> str:
        """IB's UTC form `yyyymmdd-hh:mm:ss`: no zone names, no DST folds, no warning 2174."""
        return "" if self.end is None else f"{self.end:%Y%m%d-%H:%M:%S}"
