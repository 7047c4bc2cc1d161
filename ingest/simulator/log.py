"""What the simulator did, as JSON-able facts: one dictionary per event, numbered, stamped with simulator time.

Tests count violations and requests here instead of trusting the client's own account of itself.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ingest.simulator.clock import SimulatorClock
from ingest.simulator.wire.times import iso

LogSink = Callable[[dict[str, object]], None]


@dataclass(slots=True)
class EventLog:
    """Adds `seq` (from 1, without gaps) and `time` (ISO, simulator time) to every event."""

    clock: SimulatorClock
    sink: LogSink
    _seq: int = 0

    def write(self, event: str, **facts: object) -> int:
        """Log one event; returns its number."""
        self._seq += 1
        self.sink({"event": event, "seq": self._seq, "time": iso(self.clock.now()), **facts})
        return self._seq


def to_stdout(event: dict[str, object]) -> None:
    """One JSON line, flushed, so that a reader of a pipe sees it at once."""
    sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()
