"""No order or timing of requests makes the pacer break a rule of IB's; a counter that shares nothing with it checks.

The counter takes every window as closed, as a strict server might: a request exactly 600 s old still counts.
"""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.pacing import Pacer, PacingRules, RequestCost

START = 100_000.0


@dataclass(frozen=True)
class Wanted:
    """One request of a made-up run: how long after the last one it is wanted, and how long IB takes to answer."""

    gap: float
    contract: int
    kind: str
    takes: float
    violates: bool = False

    @property
    def cost(self) -> RequestCost:
        instrument = Instrument(1 + self.contract, f"S{self.contract}", "STK", "SMART", "USD")
        if self.kind == "head":
            return RequestCost.of_head(Series(instrument, BarSize.DAY_1, WhatToShow.TRADES))
        size = BarSize.MIN_1 if self.kind == "minute" else BarSize.SEC_5
        what = WhatToShow.BID_ASK if self.kind == "bid_ask" else WhatToShow.TRADES
        end_now = HistoricalRequest(Series(instrument, size, what), None, Duration(3600, "S"))
        return RequestCost.of(end_now)


@dataclass(frozen=True)
class Sent:
    at: float
    wanted: Wanted

    @property
    def is_small(self) -> bool:
        return self.wanted.kind != "minute"

    @property
    def units(self) -> int:
        return 2 if self.wanted.kind == "bid_ask" else int(self.is_small)

    @property
    def messages(self) -> int:
        return 2 if self.wanted.kind == "head" else 1  # a head timestamp is always cancelled


def run(pacer: Pacer, wishes: list[Wanted]) -> tuple[list[Sent], list[float]]:
    """Play the wishes in their order; what was sent when, and when violations were reported."""
    now, sent, violations = START, [], []
    answers: list[tuple[float, RequestCost]] = []
    for wanted in wishes:
        now += wanted.gap
        while True:
            for done in [one for one in answers if one[0] <= now]:
                pacer.ended(done[1])
                answers.remove(done)
            delay = pacer.wait(now, wanted.cost)
            if delay == 0:
                break
            now = min(one[0] for one in answers) if delay == float("inf") else now + delay
        pacer.sent(now, wanted.cost)
        sent.append(Sent(now, wanted))
        answers.append((now + wanted.takes, wanted.cost))
        if wanted.violates:
            pacer.violated(now)
            violations.append(now)
    return sent, violations


def broken_rules(sent: list[Sent], *, open_limit: int = 50, rate: int = 50) -> list[str]:
    """IB's rules by brute force: every send against every earlier one."""
    broken = []
    for number, one in enumerate(sent):
        earlier = sent[:number]
        small = [other for other in earlier if other.is_small and one.is_small and one.at - other.at <= 600]
        if one.units + sum(other.units for other in small) > 60:
            broken.append(f"more than 60 in 600 s at {one.at}")
        if any(one.at - other.at <= 15 and other.wanted.cost.identity == one.wanted.cost.identity for other in small):
            broken.append(f"an identical request within 15 s at {one.at}")
        product = one.wanted.cost.product
        burst = [other for other in small if one.at - other.at <= 2 and other.wanted.cost.product == product]
        if one.units + sum(other.units for other in burst) >= 6:
            broken.append(f"a sixth request for one contract within 2 s at {one.at}")
        still_open = [other for other in earlier if other.at + other.wanted.takes > one.at]
        if len(still_open) + 1 > open_limit:
            broken.append(f"{len(still_open) + 1} open at {one.at}")
        if one.messages + sum(other.messages for other in earlier if one.at - other.at <= 1) > rate:
            broken.append(f"more than {rate} messages in 1 s at {one.at}")
    return broken


_KINDS = st.sampled_from(["second", "second", "bid_ask", "head", "minute"])
_GAPS = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.001, 0.4, 1.0, 2.0, 7.5, 15.0, 60.0, 599.0, 600.0])
_TAKES = st.sampled_from([0.0, 0.05, 1.0, 5.0, 45.0, 700.0])
WISHES = st.lists(st.builds(Wanted, _GAPS, st.integers(0, 5), _KINDS, _TAKES), min_size=50, max_size=130)


@settings(max_examples=60, deadline=None)
@given(wishes=WISHES, guard=st.sampled_from([0.0, 0.001, 0.5]), open_requests=st.sampled_from([1, 3, 8, 50]))
def test_no_order_or_timing_of_requests_breaks_a_rule(wishes: list[Wanted], guard: float, open_requests: int) -> None:
    sent, _ = run(Pacer(PacingRules(guard=guard, open_requests=open_requests)), wishes)
    assert broken_rules(sent, open_limit=open_requests) == []


@settings(max_examples=30, deadline=None)
@given(past=WISHES, wishes=WISHES, pause=st.sampled_from([0.0, 1.0, 14.0, 300.0, 600.0]))
def test_a_pacer_seeded_from_the_log_keeps_the_rules_across_a_restart(
    past: list[Wanted], wishes: list[Wanted], pause: float
) -> None:
    before, _ = run(Pacer(), past)
    successor = Pacer()
    successor.recall(START, ((START - one.at, one.wanted.cost) for one in reversed(before)))
    first = Wanted((before[-1].at - START if before else 0.0) + pause, 0, "second", 0.0)
    after, _ = run(successor, [first, *wishes])
    small = [one for one in [*before, *after] if one.is_small]
    assert [rule for rule in broken_rules(small) if "open" not in rule and "messages" not in rule] == []


@settings(max_examples=30, deadline=None)
@given(wishes=st.lists(st.builds(Wanted, _GAPS, st.integers(0, 5), _KINDS, _TAKES, st.booleans()), max_size=40))
def test_after_a_violation_nobody_sends_for_a_minute(wishes: list[Wanted]) -> None:
    sent, violations = run(Pacer(), wishes)
    for moment in violations:
        later = [one.at for one in sent if one.at > moment]
        assert all(at >= moment + 60 for at in later)


@pytest.mark.parametrize(("kind", "per_window"), [("second", 60), ("bid_ask", 30), ("head", 60)])
def test_a_saturating_stream_over_distinct_contracts_uses_the_whole_budget(kind: str, per_window: int) -> None:
    sent, _ = run(Pacer(), [Wanted(0.0, number, kind, 0.0) for number in range(4 * per_window)])
    for window in range(4):
        begin = START + window * 600.5 - 0.1
        assert sum(begin <= one.at < begin + 600 for one in sent) == per_window
    assert broken_rules(sent) == []


def test_the_counter_itself_sees_every_rule_break() -> None:
    def at(moment: float, contract: int = 0, kind: str = "second", takes: float = 0.0) -> Sent:
        return Sent(START + moment, Wanted(0, contract, kind, takes))

    assert "more than 60" in broken_rules([at(number * 10.0, number) for number in range(61)])[0]
    assert "identical" in broken_rules([at(0), at(15)])[0]
    heads = [at(0.3 * number, 0, "head") for number in range(6)]
    assert any("sixth" in one for one in broken_rules(heads))
    quotes = [at(0.3 * number, 0, "bid_ask") for number in range(3)]
    assert any("sixth" in one for one in broken_rules(quotes))
    assert "51 open" in broken_rules([at(0.1 * number, number, "minute", 100) for number in range(51)])[0]
    assert "messages" in broken_rules([at(0.0, number, "minute") for number in range(51)])[0]
