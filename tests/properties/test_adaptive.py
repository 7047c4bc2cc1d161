"""Learning what IB does not publish: never beyond its bounds, less after harm, and close to a limit that is there."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.adaptive import OpenRequests
from ingest.plan.learning import GROWS_AFTER, Lesson, SpanLearner
from ingest.plan.spans import DEFAULT_SPANS, Spans
from tests.given import AAPL

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "end", "look"]),
        st.sampled_from(["clean", "clean", "clean", "timed_out", "throttled", "lost"]),
        st.sampled_from([0.0, 0.1, 1.0, 30.0]),
        st.integers(0, 50),
    ),
    max_size=200,
)


@settings(deadline=None)
@given(steps=_STEPS, ceiling=st.integers(1, 50), start=st.integers(-3, 99))
def test_the_number_allowed_stays_between_one_and_the_ceiling_and_falls_only_with_harm(
    steps: list[tuple[str, str, float, int]], ceiling: int, start: int
) -> None:
    load, now, numbers = OpenRequests(ceiling, start), 0.0, list[int]()
    for do, how, passed, which in steps:
        now += passed
        before, cut = load.allowed, load.too_many
        if do == "begin":
            numbers.append(load.began(now, "1 min"))
        elif do == "look":
            load.look(now)
        elif numbers:
            load.ended(numbers.pop(which % len(numbers)), now, how)  # type: ignore[arg-type]
        assert 1 <= load.allowed <= ceiling
        assert load.allowed <= before + 1
        if how in ("timed_out", "throttled") and do == "end":
            assert load.allowed <= before
        if load.allowed < before:
            assert load.too_many is not None
            assert cut is None or load.too_many <= max(cut, 2)


def throughput(load: OpenRequests, limit: int, answers: int) -> float:
    """Answers a second from a service that takes 1 s, and 5 s more for each request above a limit that it hides."""
    now, done, flying = 0.0, 0, list[tuple[float, int]]()
    while done < answers:
        load.look(now)
        while len(flying) < load.allowed:
            above = max(0, len(flying) + 1 - limit)
            flying.append((now + 1.0 + 5.0 * above, load.began(now, "shape")))
        now, number = min(flying)
        flying.remove((now, number))
        load.ended(number, now, "clean")
        done += 1
    return done / now


@settings(max_examples=20, deadline=None)
@given(limit=st.integers(2, 24))
def test_a_hidden_limit_is_found_and_kept_to(limit: int) -> None:
    learned = throughput(OpenRequests(32), limit, 600 * limit)
    assert learned >= 0.9 * limit


def test_all_that_was_on_its_way_together_counts_once() -> None:
    load = OpenRequests(32, 16)
    numbers = [load.began(0.0, "shape") for _ in range(16)]
    for number in numbers:
        load.ended(number, 120.0, "timed_out")
    assert load.allowed == 8


def request(duration: str, size: BarSize = BarSize.MIN_1) -> HistoricalRequest:
    return HistoricalRequest(Series(AAPL, size, WhatToShow.TRADES), None, Duration.parse(duration))


KIND = (BarSize.MIN_1, "STK")
_EVENTS = st.lists(
    st.tuples(st.sampled_from(["refused", "timed_out", "fast", "slow"]), st.integers(1, 10), st.integers(1, 25)),
    max_size=60,
)


@settings(deadline=None)
@given(events=_EVENTS, restarts=st.booleans())
def test_a_span_never_leaves_its_bounds_nor_reaches_what_was_refused(
    events: list[tuple[str, int, int]], restarts: bool
) -> None:
    configured = DEFAULT_SPANS[BarSize.MIN_1]
    learner = SpanLearner(Spans())
    for event, days, times in events:
        for _ in range(times):
            before = learner.spans.of(*KIND)
            match event:
                case "refused":
                    smaller = learner.refused(request(f"{days} D"))
                    assert smaller == (learner.spans.of(*KIND).count < days)
                case "timed_out":
                    learner.timed_out(request(f"{days} D"))
                case _:
                    learner.answered(request(f"{days} D"), fast=event == "fast")
            assert learner.spans.of(*KIND).count <= before.count, "a run's own span only shrinks"
        lesson = learner.lessons.get(KIND)
        if lesson is not None:
            assert 1 <= lesson.span.count <= configured.count
            assert lesson.refused is None or lesson.span.count < max(2, lesson.refused)
        if restarts and lesson is not None:
            learner = SpanLearner(Spans(), {KIND: Lesson(lesson.span, lesson.refused)})


def test_a_refused_span_halves_at_once_and_a_timed_out_one_for_the_next_run() -> None:
    learner = SpanLearner(Spans())
    spans = learner.spans
    assert learner.refused(request("7 D"))
    assert (spans.of(*KIND), spans.of(BarSize.MIN_1, "FUT")) == (Duration(3, "D"), Duration(7, "D"))
    assert learner.refused(request("7 D")), "one that was planned before"
    assert spans.of(*KIND) == Duration(3, "D")
    assert learner.timed_out(request("3 D"))
    assert not learner.timed_out(request("3 D")), "they went wrong together"
    assert spans.of(*KIND) == Duration(3, "D")
    assert learner.lessons[KIND].span == Duration(1, "D")


def test_what_cannot_be_asked_for_in_smaller_parts_stays_refused() -> None:
    learner = SpanLearner(Spans())
    assert not learner.refused(request("1 D"))
    assert not learner.refused(request("23400 S"))


def test_a_span_grows_slowly_and_stays_below_what_was_refused() -> None:
    lessons = {KIND: Lesson(Duration(3, "D"), refused=5)}
    for expected in (4, 4):
        learner = SpanLearner(Spans(), lessons)
        for _ in range(GROWS_AFTER):
            learner.answered(request("3 D"), fast=False)
            learner.answered(request("4 D"), fast=True)
            learner.answered(request("3 D"), fast=True)
        lessons = learner.lessons
        assert lessons[KIND].span == Duration(expected, "D")
