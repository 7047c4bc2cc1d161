"""What a running program says of itself over HTTP: is it alive, can it work, and how much it has done.

`vitals` are the values that whoever composes the program gives; `metrics` words them for Prometheus; `serving` answers.
"""

from ingest.health.serving import healthy, serving
from ingest.health.vitals import Check, LoginVitals, Pulse, Snapshot, Tally, Vitals, together

__all__ = ["Check", "LoginVitals", "Pulse", "Snapshot", "Tally", "Vitals", "healthy", "serving", "together"]
