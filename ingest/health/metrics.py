"""A `Snapshot` in Prometheus' words. Every name begins with `ingest_`; what is counted ends in `_total`."""

import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingest.health.vitals import Snapshot


def exposition(snapshot: Callable[[], Snapshot]) -> Callable[[str], tuple[bytes, str]]:
    """A function that gives all metrics as of now, and their content type, for an Accept header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(snapshot))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)

    def expose(accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    return expose


class _Collector(Collector):
    """Nothing is kept here: each scrape words the newest snapshot."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        now = self._snapshot()
        yield InfoMetricFamily("ingest_build", "What is running.", value=_build())
        if now.taken_at is not None:
            moment = now.taken_at.timestamp()
            yield GaugeMetricFamily("ingest_snapshot_timestamp_seconds", "When these values were taken.", value=moment)
        yield from _work(now)
        yield from _wishes(now)

    def describe(self) -> Iterable[Metric]:
        return ()


def _work(now: Snapshot) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "ingest_requests",
        "Requests to IB: sent, and of those answered, timed_out, refused or lost.",
        labels=("login", "kind", "outcome"),
    )
    for labels, count in now.requests.items():
        requests.add_metric(labels, count)
    yield requests
    yield CounterMetricFamily("ingest_bars_loaded", "New bars that were committed.", value=now.bars)
    yield CounterMetricFamily("ingest_slices", "Slices of jobs that were worked on.", value=now.slices)
    left = GaugeMetricFamily(
        "ingest_small_requests_left", "Of IB's sixty small requests in ten minutes.", labels=("login",)
    )
    still_open = GaugeMetricFamily("ingest_requests_open", "Requests that IB has not ended.", labels=("login",))
    for login in now.logins:
        left.add_metric((login.name,), login.small_left)
        still_open.add_metric((login.name,), login.open)
    yield left
    yield still_open
    connected = GaugeMetricFamily(
        "ingest_gateway_connected", "1: connected, with a way to IB's data.", labels=("gateway",)
    )
    for name, is_connected in now.gateways.items():
        connected.add_metric((name,), float(is_connected))
    yield connected
    jobs = GaugeMetricFamily(
        "ingest_jobs", "Jobs in the queue; ended ones while they are kept.", labels=("lane", "state")
    )
    for place, number in now.jobs.items():
        jobs.add_metric(place, number)
    yield jobs


def _wishes(now: Snapshot) -> Iterator[Metric]:
    behind = GaugeMetricFamily(
        "ingest_wish_behind_seconds",
        "Trading time between what is settled and what is due, of the worst series.",
        labels=("wish",),
    )
    series = GaugeMetricFamily("ingest_wish_series", "Series of a wish.", labels=("wish",))
    complete = GaugeMetricFamily("ingest_wish_series_complete", "Those that lack nothing.", labels=("wish",))
    fired = GaugeMetricFamily(
        "ingest_wish_last_due_timestamp_seconds", "The latest occurrence that was fired.", labels=("wish",)
    )
    for wish in (each for each in now.wishes if not each.problem):
        behind.add_metric((wish.wish,), wish.behind.total_seconds())
        series.add_metric((wish.wish,), wish.series)
        complete.add_metric((wish.wish,), wish.complete)
        if wish.last_due is not None:
            fired.add_metric((wish.wish,), wish.last_due.timestamp())
    yield from (behind, series, complete, fired)


def _build() -> dict[str, str]:
    try:
        version = importlib.metadata.version("ingest")
    except importlib.metadata.PackageNotFoundError:  # a checkout on the path, not installed
        version = "uninstalled"
    return {"version": version, "python": platform.python_version()}
