"""/health, /ready and /metrics as their callers get them, over real sockets."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.clock import FakeClock
from ingest.config import HealthSettings
from ingest.domain.answer import RequestKind, RequestOutcome, RequestRecord
from ingest.domain.freshness import Freshness
from ingest.errors import DatabaseUnreachable, SettingsError
from ingest.health import Check, LoginVitals, Pulse, Snapshot, Tally, Vitals, healthy, serving, together
from tests import given
from tests.store.settled import REAL

NOON = given.at("2024-01-02 12:00")


def ask(port: int, path: str, method: str = "GET", accept: str = "*/*") -> tuple[int, Mapping[str, str], bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, dict(refusal.headers), refusal.read()


def document(port: int, path: str) -> tuple[int, Any]:
    status, headers, body = ask(port, path)
    assert headers["Content-Type"] == "application/json"
    return status, json.loads(body)


@contextmanager
def up(checks: Mapping[str, Check] | None = None, snapshot: Snapshot | None = None) -> Iterator[tuple[int, FakeClock]]:
    clock = FakeClock()
    with serving("127.0.0.1", 0, Vitals(Pulse(clock), checks or {}, lambda: snapshot or Snapshot())) as port:
        yield port, clock


def test_a_program_is_alive_for_half_a_minute_after_its_loop_came_round() -> None:
    with up() as (port, clock):
        clock.advance(30)
        assert document(port, "/health") == (200, {"alive": True, "loop_seconds": 30.0})
        clock.advance(1)
        status, facts = document(port, "/health")
    assert (status, facts["alive"], facts["loop_seconds"]) == (503, False, 31.0)
    assert "has not come round" in facts["why"]


async def test_a_loop_that_comes_round_beats() -> None:
    clock = FakeClock()
    pulse = Pulse(clock)
    clock.advance(100)
    assert not pulse.is_alive

    beating = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0)
    beating.cancel()
    assert pulse.is_alive


def test_ready_says_what_is_missing() -> None:
    lacking = {"database": "", "gateway": "Nothing answers at 127.0.0.1:4001."}
    with up({name: lambda name=name: lacking[name] for name in lacking}) as (port, clock):  # type: ignore[misc]
        status, facts = document(port, "/ready")
        assert (status, facts) == (503, {"ready": False, "missing": {"gateway": "Nothing answers at 127.0.0.1:4001."}})
        lacking["gateway"] = ""
        assert document(port, "/ready") == (200, {"ready": True, "missing": {}})
        clock.advance(31)
        assert list(document(port, "/ready")[1]["missing"]) == ["loop"]


def test_what_cannot_be_asked_is_not_ready() -> None:
    def away() -> str:
        raise DatabaseUnreachable("Nothing answers at db:5432.", hint="Start it.")

    def broken() -> str:
        raise KeyError("a password, perhaps")

    with up({"database": away, "gateway": broken}) as (port, _):
        status, facts = document(port, "/ready")
    assert status == 503
    assert facts["missing"] == {"database": "Nothing answers at db:5432.", "gateway": "cannot be asked (KeyError)"}


def everything() -> Snapshot:
    tally = Tally()
    for outcome in (RequestOutcome.SENT, RequestOutcome.SENT, RequestOutcome.BARS, RequestOutcome.TIMED_OUT):
        tally.hear(RequestRecord(RequestKind.BARS, given.series(), REAL, NOON, outcome))
    other = Tally()
    for outcome in (RequestOutcome.SENT, RequestOutcome.ERROR):
        other.hear(RequestRecord(RequestKind.HEAD, given.series(), REAL, NOON, outcome))
    other.hear(RequestRecord(RequestKind.BARS, given.series(), REAL, NOON, RequestOutcome.SENT))
    nightly = Freshness("nightly", 40, 38, behind=timedelta(hours=13), worst="AAPL 1m TRADES", last_due=NOON)
    return Snapshot(
        NOON,
        together([tally, other]),
        (LoginVitals("main", small_left=41, open=7),),
        {"main": True, "second": False},
        {("large", "waiting"): 12, ("small", "failed"): 1},
        (nightly, Freshness("weekly"), Freshness("strange", problem="no such calendar")),
        bars=1234,
        slices=9,
    )


def samples(port: int, accept: str = "*/*") -> dict[str, float]:
    _, headers, body = ask(port, "/metrics", accept=accept)
    assert headers["Content-Type"].startswith("text/plain")
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_metrics_are_what_prometheus_reads() -> None:
    with up(snapshot=everything()) as (port, _):
        found = samples(port)
    assert found["ingest_requests_total kind=bars login=main outcome=sent"] == 3
    assert found["ingest_requests_total kind=bars login=main outcome=answered"] == 1
    assert found["ingest_requests_total kind=bars login=main outcome=timed_out"] == 1
    assert found["ingest_requests_total kind=head login=main outcome=refused"] == 1
    assert found["ingest_bars_loaded_total"] == 1234
    assert found["ingest_slices_total"] == 9
    assert found["ingest_small_requests_left login=main"] == 41
    assert found["ingest_requests_open login=main"] == 7
    assert found["ingest_gateway_connected gateway=main"] == 1
    assert found["ingest_gateway_connected gateway=second"] == 0
    assert found["ingest_jobs lane=large state=waiting"] == 12
    assert found["ingest_jobs lane=small state=failed"] == 1
    assert found["ingest_wish_behind_seconds wish=nightly"] == 13 * 3600
    assert found["ingest_wish_series wish=nightly"] == 40
    assert found["ingest_wish_series_complete wish=nightly"] == 38
    assert found["ingest_wish_last_due_timestamp_seconds wish=nightly"] == NOON.timestamp()
    assert "ingest_wish_last_due_timestamp_seconds wish=weekly" not in found
    assert not [name for name in found if "strange" in name], "no figure rather than a wrong one"
    assert found["ingest_snapshot_timestamp_seconds"] == NOON.timestamp()
    assert any(name.startswith("ingest_build_info") for name in found)


def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    with up(snapshot=everything()) as (port, _):
        _, headers, body = ask(port, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_head_has_no_body_and_other_paths_are_not_there() -> None:
    with up() as (port, _):
        assert ask(port, "/health", "HEAD")[::2] == (200, b"")
        assert ask(port, "/health/?probe=1")[0] == 200
        assert document(port, "/secrets") == (404, {"there_is": ["/health", "/ready", "/metrics"]})
        assert ask(port, "/health", "POST")[0] == 501


def test_a_client_that_says_nothing_keeps_nobody_waiting() -> None:
    with up() as (port, _), socket.create_connection(("127.0.0.1", port)):
        assert document(port, "/health")[0] == 200


def refused(settings: HealthSettings, said: str) -> None:
    with pytest.raises(SettingsError, match=said), healthy(settings, Vitals(Pulse())):
        pass


def test_a_busy_port_is_refused_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(HealthSettings(port=port), f"127.0.0.1:{port}: another program listens there. Set INGEST_HEALTH_PORT")


def test_an_address_that_is_not_ours_is_refused_in_one_line() -> None:
    refused(HealthSettings(host="192.0.2.1", port=9464), r"cannot have 192\.0\.2\.1:9464: .*Correct INGEST_HEALTH_HOST")


def test_port_zero_is_nowhere() -> None:
    with healthy(HealthSettings(), Vitals(Pulse())):
        pass


def test_the_port_is_free_again_afterwards() -> None:
    with up() as (port, _):
        pass
    with healthy(HealthSettings(port=port), Vitals(Pulse(FakeClock()))):
        assert document(port, "/health")[0] == 200
