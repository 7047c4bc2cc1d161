"""`SpanLearner`: how much one request may ask for, learned per bar size and security type. Pure.

Halved when IB says that it is too much (at once, so that the same run can ask for less) and when a request of the full
span times out (for the next run: in this one its window is asked for no more). A little more after a series of clean
and fast answers, up to what is configured and below what IB refused.
"""

from dataclasses import dataclass, field

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.plan.spans import Spans

Kind = tuple[BarSize, str]  # bar size, security type
GROWS_AFTER = 20  # clean and fast answers of the full span
_STEPS = 8  # one growth is this part of what is configured
_SESSIONS_A_YEAR = 252
_WEEKS_A_YEAR = 52


@dataclass(slots=True)
class Lesson:
    """The span for the next run; `refused` is the least count IB said is too much; `clean` counts towards growth."""

    span: Duration
    refused: int | None = None
    clean: int = 0


@dataclass(slots=True)
class SpanLearner:
    """`spans` serves planning: what is configured, under what is learned, kept up to date where IB refuses."""

    configured: Spans
    lessons: dict[Kind, Lesson] = field(default_factory=dict)
    _now: dict[Kind, Duration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, lesson in self.lessons.items():
            most = self.configured.of(kind[0])
            if lesson.span.unit != most.unit or lesson.span.count > most.count:
                lesson.span = most
            self._now[kind] = lesson.span

    @property
    def spans(self) -> Spans:
        return Spans(self.configured.by_size, self._now)

    def refused(self, request: HistoricalRequest) -> bool:
        """IB says it is too much. True: planning has a smaller span now, so it is worth planning anew."""
        kind, count = kind_of(request.series), self._count(request)
        lesson = self._lesson(kind)
        lesson.refused = count if lesson.refused is None else min(lesson.refused, count)
        lesson.clean = 0
        if lesson.span.count >= count:
            lesson.span = _half(lesson.span, count)
        if self._in_force(kind).count >= count:  # otherwise it was planned before a smaller one was refused
            self._now[kind] = lesson.span
        return self._in_force(kind).count < count

    def timed_out(self, request: HistoricalRequest) -> bool:
        """No end of the answer in time. True: something was learned."""
        kind = kind_of(request.series)
        lesson, in_force = self._lesson(kind), self._in_force(kind)
        lesson.clean = 0
        if self._count(request) < in_force.count or lesson.span != in_force:
            return False  # a small one, or one of many that went wrong together
        lesson.span = _half(in_force, in_force.count)
        return lesson.span != in_force

    def answered(self, request: HistoricalRequest, *, fast: bool) -> bool:
        """A clean answer. True: something was learned (the next run asks for a little more)."""
        kind = kind_of(request.series)
        lesson, in_force = self.lessons.get(kind), self._in_force(kind)
        if lesson is None or not fast or self._count(request) < in_force.count or lesson.span != in_force:
            return False
        lesson.clean += 1
        if lesson.clean < GROWS_AFTER:
            return False
        lesson.clean = 0
        return self._grow(kind, lesson)

    def _grow(self, kind: Kind, lesson: Lesson) -> bool:
        most, before = self.configured.of(kind[0]), lesson.span
        count = min(most.count, before.count + max(1, most.count // _STEPS))
        if lesson.refused is not None:
            count = max(before.count, min(count, lesson.refused - 1))
        lesson.span = Duration(count, most.unit)
        return lesson.span != before

    def _in_force(self, kind: Kind) -> Duration:
        return self._now.get(kind) or self.configured.of(kind[0])

    def _lesson(self, kind: Kind) -> Lesson:
        return self.lessons.setdefault(kind, Lesson(self.configured.of(kind[0])))

    def _count(self, request: HistoricalRequest) -> int:
        """What a request asks for, in the unit of its size's spans."""
        unit, asked = self.configured.of(request.series.bar_size).unit, request.duration
        if asked.unit == unit:
            return asked.count
        if unit == "Y":
            return -(-asked.count // (_WEEKS_A_YEAR if asked.unit == "W" else _SESSIONS_A_YEAR))
        return 1  # seconds inside one session


def kind_of(series: Series) -> Kind:
    return series.bar_size, series.instrument.sec_type


def _half(span: Duration, count: int) -> Duration:
    least = 30 if span.unit == "S" else 1
    return Duration(max(least, min(span.count, count // 2)), span.unit)
