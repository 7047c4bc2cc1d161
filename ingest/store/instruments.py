"""Instruments in the database: one row for each con_id and origin, with every name it was ever seen under."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin
from ingest.store.tables import instrument_names, instruments

FIELDS = tuple(Instrument.__dataclass_fields__)
_NAMES = ("label", "symbol", "local_symbol")
_NAME_FIELDS = ("symbol", "sec_type", "exchange", "currency", "primary_exchange", "local_symbol", "long_name")


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    """An instrument with its row id. `first_seen` and `last_seen` are when contract details named it."""

    id: int
    origin: Origin
    instrument: Instrument
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class NameSpell:
    """A name an instrument went by. `seen_to` None: still."""

    label: str
    symbol: str
    exchange: str
    seen_from: datetime
    seen_to: datetime | None
    primary_exchange: str = ""
    long_name: str = ""


def save(connection: Connection, instrument: Instrument, origin: Origin, *, seen_at: datetime | None = None) -> int:
    """Insert or refresh an instrument; a changed name closes the old one and opens a new. Gives the row id.

    `seen_at` is when its details came (None: the database's now).
    """
    moment = seen_at if seen_at is not None else func.now()
    values = asdict(instrument) | {"label": instrument.label}
    statement = insert(instruments).values(origin=origin, first_seen=moment, last_seen=moment, **values)
    fresh = {name: statement.excluded[name] for name in values if name != "con_id"}
    statement = statement.on_conflict_do_update(
        constraint="instruments_con_id_origin", set_=fresh | {"last_seen": moment}
    )
    row_id = int(connection.execute(statement.returning(instruments.c.id)).scalar_one())
    _keep_name(connection, row_id, {name: values[name] for name in (*_NAME_FIELDS, "label")}, moment)
    return row_id


def by_con_id(connection: Connection, con_id: int, origin: Origin) -> InstrumentRow | None:
    found = connection.execute(
        select(instruments).where(instruments.c.con_id == con_id, instruments.c.origin == origin)
    ).one_or_none()
    return None if found is None else _row(found)


def find(connection: Connection, text: str, *, origin: Origin | None = None) -> tuple[InstrumentRow, ...]:
    """Instruments called `text` now or formerly: a label, symbol, local symbol, or `con_id:NUMBER`. Case is ignored.

    Those that bear the name now come first, and alone where there are any: FB finds Meta only while nobody else is FB.
    """
    name = text.strip()
    digits = name.lower().removeprefix("con_id:")
    if digits.isdigit() and digits != name:
        return _rows(connection, _listed(origin).where(instruments.c.con_id == int(digits)))
    present = _rows(connection, _listed(origin).where(_called(instruments.c, name)))
    former = exists().where(
        and_(instrument_names.c.instrument_id == instruments.c.id, _called(instrument_names.c, name))
    )
    return present or _rows(connection, _listed(origin).where(former))


def find_many(
    connection: Connection, texts: Iterable[str], *, origin: Origin | None = None
) -> dict[str, tuple[InstrumentRow, ...]]:
    """What `find` gives for each: one question for all that bear their name now, and one each for the rest."""
    asked = dict.fromkeys(texts)
    wanted = sorted({text.strip().lower() for text in asked})
    columns = instruments.c
    ids = [int(text[7:]) for text in wanted if text.startswith("con_id:") and text[7:].isdigit()]
    names = [func.lower(columns[name]).in_(wanted) for name in _NAMES]
    by_name: dict[str, list[InstrumentRow]] = {}
    for row in _rows(connection, _listed(origin).where(or_(*names, columns.con_id.in_(ids)))):
        one = row.instrument
        called = (f"con_id:{one.con_id}", *(str(getattr(one, name)).lower() for name in _NAMES))
        for name in dict.fromkeys(called):
            by_name.setdefault(name, []).append(row)
    return {
        text: tuple(by_name.get(text.strip().lower(), ())) or find(connection, text, origin=origin) for text in asked
    }


def listing(connection: Connection, *, origin: Origin | None = None) -> tuple[InstrumentRow, ...]:
    """All instruments by label."""
    return _rows(connection, _listed(origin))


def names(connection: Connection, instrument_id: int) -> tuple[NameSpell, ...]:
    """Every name an instrument was seen under, oldest first."""
    columns = instrument_names.c
    found = connection.execute(
        select(*(columns[name] for name in NameSpell.__slots__))
        .where(columns.instrument_id == instrument_id)
        .order_by(columns.seen_from)
    )
    return tuple(NameSpell(*row) for row in found)


def instrument_of(values: Any) -> Instrument:
    """An `Instrument` from a row's mapping that has all its columns."""
    return Instrument(**{name: values[name] for name in FIELDS})


def _keep_name(connection: Connection, row_id: int, name: dict[str, Any], moment: object) -> None:
    columns = instrument_names.c
    present = and_(columns.instrument_id == row_id, columns.seen_to.is_(None))
    known = connection.execute(select(*(columns[key] for key in name)).where(present)).mappings().one_or_none()
    if known is not None and dict(known) == name:
        return
    connection.execute(update(instrument_names).where(present).values(seen_to=moment))
    connection.execute(insert(instrument_names).values(instrument_id=row_id, seen_from=moment, **name))


def _called(columns: Any, name: str) -> ColumnElement[bool]:
    wanted = name.lower()
    return or_(*(func.lower(columns[key]) == wanted for key in _NAMES))


def _listed(origin: Origin | None) -> Select[Any]:
    chosen = select(instruments).order_by(instruments.c.label, instruments.c.id)
    return chosen if origin is None else chosen.where(instruments.c.origin == origin)


def _rows(connection: Connection, query: Select[Any]) -> tuple[InstrumentRow, ...]:
    return tuple(_row(row) for row in connection.execute(query))


def _row(row: Row[Any]) -> InstrumentRow:
    values = row._mapping
    return InstrumentRow(
        values["id"], Origin(values["origin"]), instrument_of(values), values["first_seen"], values["last_seen"]
    )
