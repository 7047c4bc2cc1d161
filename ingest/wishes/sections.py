"""The tables of a job file as pydantic models: each key by itself. What keys mean together is `reading`'s to judge."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StrictInt, StrictStr

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import SEC_TYPES
from ingest.domain.what import WhatToShow
from ingest.plan.wish import Edge, parse_edge, zone_named
from ingest.wishes.job import Ago
from ingest.wishes.moments import checked_calendar, checked_cron, parse_delay
from ingest.wishes.universe import checked_name


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case _:
            raise ValueError("must be a string in quotes")


def _bar_size(value: object) -> BarSize:
    return BarSize.parse(_text(value))


def _what(value: object) -> WhatToShow:
    return WhatToShow.parse(_text(value))


def _delay(value: object) -> timedelta:
    return parse_delay(_text(value))


def _edge(value: object) -> Edge | Ago:
    match value:
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case date():
            return value
        case str():
            return _spoken(value)
        case _:
            raise ValueError("must be a date such as 2024-01-31, or a string such as '3 years'")


def _spoken(text: str) -> Edge | Ago:
    try:
        return parse_edge(text, "UTC")
    except ValueError:
        return Ago.parse(text)


def _zone(value: str) -> str:
    zone_named(value)
    return value


def checked_sec_type(value: str) -> str:
    if value.upper() not in SEC_TYPES:
        raise ValueError(f"unknown security type {value!r}; use one of {', '.join(SEC_TYPES)}")
    return value.upper()


def checked_currency(value: str) -> str:
    if len(value) != 3 or not value.isalpha() or not value.isascii():
        raise ValueError(f"{value!r} is no currency; write three letters such as USD")
    return value.upper()


def _without_nul(value: str) -> str:
    """TOML can write one, but neither file systems nor PostgreSQL take it."""
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


_Line = Annotated[StrictStr, AfterValidator(_without_nul)]
_Text = Annotated[StrictStr, Field(min_length=1), AfterValidator(_without_nul)]
_Edge = Annotated[Any, PlainValidator(_edge)]


class Section(BaseModel):
    """Unknown keys are found before a model sees them, so that they hide nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TopSection(Section):
    name: Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(checked_name)] | None = None
    description: _Line = ""
    priority: Annotated[StrictInt, Field(ge=-100, le=100)] = 0


class UniverseSection(Section):
    symbols: list[_Text] | None = None
    file: _Text | None = None
    name: Annotated[_Text, AfterValidator(checked_name)] | None = None
    sec_type: Annotated[_Text, AfterValidator(checked_sec_type)] = ""
    exchange: _Line = ""
    currency: Annotated[_Text, AfterValidator(checked_currency)] = ""


class SeriesSection(Section):
    bar_size: Annotated[BarSize, PlainValidator(_bar_size)]
    what: Annotated[WhatToShow | None, PlainValidator(_what)] = None
    hours: Literal["rth", "all"] = "rth"


class WantSection(Section):
    since: _Edge
    until: _Edge = None


class ScheduleSection(Section):
    cron: Annotated[_Text, AfterValidator(checked_cron)] | None = None
    time_zone: Annotated[_Text, AfterValidator(_zone)] | None = None
    after_close: Annotated[_Text, AfterValidator(checked_calendar)] | None = None
    delay: Annotated[timedelta, PlainValidator(_delay)] = timedelta(minutes=30)


class ExportSection(Section):
    to: _Text
    keep_last: Annotated[StrictInt, Field(ge=1)] | None = None


#: The tables of a job file besides [[series]], which there may be several of.
TABLES: dict[str, type[Section]] = {
    "universe": UniverseSection,
    "want": WantSection,
    "schedule": ScheduleSection,
    "export": ExportSection,
}
