"""`Outcome`: what became of one chunk. "No data" is an outcome; a time-out is another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loaded:
    """A clean answer was committed. `pending_windows` of it wait for a second look."""

    bars: int
    revised: int = 0
    quarantined: int = 0
    pending_windows: int = 0


@dataclass(frozen=True, slots=True)
class EmptyConfirmed:
    """Nothing exists there; a second request of another shape agreed."""


@dataclass(frozen=True, slots=True)
class EmptyOnce:
    """The answer was empty where the calendar has a session; it will be asked again in another shape."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer came in time, after as many attempts as allowed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """IB refused, or the answer could not be trusted. `permanent`: asking again will not help."""

    reason: str
    permanent: bool


Outcome = Loaded | EmptyConfirmed | EmptyOnce | TimedOut | Failed
