"""Which series a name means, out of all that it could mean. Pure, and the same for a database and a snapshot.

Real bars win over simulated ones, an instrument's present name over a former one, its label over its symbol (AAPL is
the stock, not its options). Of what is left the one that is held in the form asked for; two of them are ambiguous.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow, default_what
from ingest.errors import AmbiguousInstrument, UnknownInstrument
from ingest.store.reading import NamedSeries
from ingest.store.series import SeriesRow

#: Series by origin, closeness and name in small letters.
Bearers = dict[tuple[Origin, int, str], list[NamedSeries]]


@dataclass(frozen=True, slots=True)
class Form:
    """What of an instrument is asked for. `what` None: what its type is usually asked for."""

    bar_size: BarSize
    what: WhatToShow | None
    use_rth: bool
    origin: Origin | None

    def of(self, instrument: Instrument) -> Series:
        use_rth = self.use_rth or not instrument.has_extended_hours
        return Series(instrument, self.bar_size, self.what or default_what(instrument.sec_type), use_rth)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A series that was asked for, and its row where it is held at all. `name` is what the answer calls it."""

    name: str
    series: Series
    origin: Origin
    row: SeriesRow | None


def choose(
    listed: Sequence[NamedSeries],
    names: Sequence[str],
    form: Form,
    where: str,
    everything: Callable[[], Sequence[NamedSeries]],
) -> list[Chosen]:
    """The series of each name, in the order asked and each once. Labels name them; con_id:NUMBER where labels clash.

    Raises UnknownInstrument, naming what is similar among `everything`, or AmbiguousInstrument.
    """
    bearers = _bearers(listed)
    _refuse_unknown(bearers, names, form, where, everything)
    found = {(one.series, one.origin): one for one in (_one(bearers, name, form) for name in names)}
    labels = [one.name for one in found.values()]
    return [
        one if labels.count(one.name) == 1 else Chosen(_number(one.series), one.series, one.origin, one.row)
        for one in found.values()
    ]


def _refuse_unknown(
    bearers: Bearers,
    names: Sequence[str],
    form: Form,
    where: str,
    everything: Callable[[], Sequence[NamedSeries]],
) -> None:
    unknown = [name for name in names if not _meant(bearers, name.strip().lower(), form.origin)]
    if not unknown:
        return
    of = f" of origin {form.origin}" if form.origin else ""
    labels = sorted({each.row.series.instrument.label for each in everything()})
    near = {label: None for name in unknown for label in get_close_matches(name.strip().upper(), labels, n=2)}
    raise UnknownInstrument(
        f"In {where} nothing{of} is called {', '.join(map(repr, unknown))}.",
        hint=(f"Similar: {', '.join(near)}. " if near else "")
        + "`feed.series()` lists what is held; `ingest backfill` begins a new one.",
    )


def _one(bearers: Bearers, name: str, form: Form) -> Chosen:
    meant = _meant(bearers, name.strip().lower(), form.origin)
    fitting = [each for each in meant if each.row.series == form.of(each.row.series.instrument)]
    instruments = {(each.row.series.instrument, each.row.origin) for each in fitting or meant}
    if len(instruments) > 1:
        raise AmbiguousInstrument(name, sorted(_described(*each) for each in instruments))
    ((instrument, origin),) = instruments
    return Chosen(instrument.label, form.of(instrument), origin, fitting[0].row if fitting else None)


def _meant(bearers: Bearers, name: str, origin: Origin | None) -> list[NamedSeries]:
    """The series of one origin that are closest to the name."""
    for wanted in [origin] if origin else [Origin.LIVE, Origin.SYNTHETIC]:
        for closeness in range(3):
            found = bearers.get((wanted, closeness, name))
            if found:
                return found
    return []


def _bearers(listed: Sequence[NamedSeries]) -> Bearers:
    """Series by origin and name; closest (0) is the number or label, then the symbol, then a former name."""
    bearers: Bearers = {}
    for each in listed:
        instrument = each.row.series.instrument
        former = {part for was in each.former for part in (was.label, was.symbol, was.local_symbol)}
        ranks = ({instrument.label, _number(each.row.series)}, {instrument.symbol, instrument.local_symbol}, former)
        for closeness, names in enumerate(ranks):
            for name in {name.lower() for name in names}:
                bearers.setdefault((each.row.origin, closeness, name), []).append(each)
    return bearers


def _number(series: Series) -> str:
    return f"con_id:{series.instrument.con_id}"


def _described(instrument: Instrument, origin: Origin) -> str:
    facts = (instrument.label, instrument.sec_type, instrument.exchange, instrument.currency, instrument.expiry)
    simulated = " (synthetic)" if origin is Origin.SYNTHETIC else ""
    return " ".join(fact for fact in facts if fact) + f" con_id:{instrument.con_id}{simulated}"
