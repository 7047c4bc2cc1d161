"""`ingest universe`: named lists of instruments in the database, and what has become of them at IB."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.looping import run_async
from ingest.cli.options import Currency, Exchange, Json, SecType

if TYPE_CHECKING:
    from ingest.app.universe_diff import Diff, Difference
    from ingest.app.universes import Filled
    from ingest.clock import Clock

app = typer.Typer(
    help="Named lists of instruments: fill them, compare them with IB, use them in jobs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_NAME = Annotated[str, typer.Argument(help="The universe's name: letters, digits, - _ and .")]
_MEMBERS = Annotated[list[str], typer.Argument(help="AAPL, EUR.USD, ES:FUT:front2@CME (a chain), con_id:265598, …")]
_FIRST = Annotated[list[str] | None, typer.Argument(help="Its first members, if you like.")]
_ABOUT = Annotated[str, typer.Option("--description", help="What it is, for people.")]
_APPLY = Annotated[bool, typer.Option("--apply", help="Take over what is found; without it nothing changes.")]


@app.command()
def create(
    name: _NAME,
    symbols: _FIRST = None,
    description: _ABOUT = "",
    sec_type: SecType = "",
    exchange: Exchange = "",
    currency: Currency = "",
    as_json: Json = False,
) -> None:
    """Make a universe. Type, exchange and currency are its defaults: they count where a member names none.

    Examples:

      ingest universe create us-large --exchange SMART --currency USD

      ingest universe create e-minis ES:FUT:front2 NQ:FUT:front2 --exchange CME
    """
    from ingest.app import universes
    from ingest.wishes import Universe

    wanted = Universe(tuple(symbols or ()), sec_type, exchange, currency, name=name)
    with _engine() as engine:
        filled = universes.create(engine, wanted, description)
    _filled(filled, as_json=as_json)


@app.command()
def add(name: _NAME, symbols: _MEMBERS, as_json: Json = False) -> None:
    """Add members, as you would write them in a job file. IB is not asked: see `diff`, or run a job.

    Examples:

      ingest universe add us-large AAPL 'BRK B'

      ingest universe add e-minis RTY:FUT:front2@CME
    """
    from ingest.app import universes

    with _engine() as engine:
        filled = universes.add(engine, name, symbols)
    _filled(filled, as_json=as_json)


@app.command()
def remove(
    name: _NAME,
    symbols: _MEMBERS,
    reason: Annotated[str, typer.Option(help="Why; kept with the date.")] = "removed by hand",
    as_json: Json = False,
) -> None:
    """Let members go. They stay listed as former ones, and their bars stay where they are.

    Examples:

      ingest universe remove us-large T --reason 'no longer in the index'

      ingest universe remove us-large con_id:265598
    """
    from ingest.app import universes
    from ingest.cli.screen import emit_json, say
    from ingest.cli.universe_screen import count

    with _engine() as engine:
        gone = universes.remove(engine, name, symbols, reason)
    if as_json:
        emit_json({"universe": name, "removed": [member.symbol for member in gone], "reason": reason})
        return
    say(f"{count(len(gone), 'member')} less in {name}: {', '.join(member.symbol for member in gone)}. Bars stay.")
    say(f"Next: `ingest universe show {name} --history` lists who left, when and why.")


@app.command(name="import")
def import_file(
    name: _NAME,
    file: Annotated[Path, typer.Argument(help="A CSV (first column), or a TOML file with a [universe] (a job's too).")],
    description: _ABOUT = "",
    sec_type: SecType = "",
    exchange: Exchange = "",
    currency: Currency = "",
    as_json: Json = False,
) -> None:
    """Add every instrument of a file; the universe is made where there is none.

    Nobody is removed. The options are defaults of a universe that is made; a TOML file brings its own.

    Examples:

      ingest universe import us-large jobs/universes/us-large.csv --exchange SMART --currency USD

      ingest universe import e-minis jobs/futures-roll-weekly.toml
    """
    from ingest.app import universes
    from ingest.wishes import Universe

    wanted = Universe((), sec_type, exchange, currency, name=name)
    with _engine() as engine:
        filled = universes.import_file(engine, wanted, file, description)
    _filled(filled, as_json=as_json)


@app.command(name="list")
def list_kept(as_json: Json = False) -> None:
    """List the universes: how many members they have, and how many of these were found at IB.

    Example:

      ingest universe list
    """
    from ingest.cli.screen import emit_json, say, show, table
    from ingest.cli.universe_screen import universe_json
    from ingest.store import universes as store

    with _engine() as engine, engine.connect() as connection:
        found = store.listing(connection)
    if as_json:
        counts = [{"members": one.members, "found": one.found, "former": one.left} for one in found]
        emit_json([universe_json(one.universe) | count for one, count in zip(found, counts, strict=True)])
        return
    if not found:
        say("No universes yet. Make one: ingest universe create us-large AAPL MSFT --exchange SMART --currency USD")
        return
    made = table("universe", "members", "found", "former", "description", right=("members", "found", "former"))
    for one in found:
        made.add_row(one.universe.name, str(one.members), str(one.found), str(one.left), one.universe.description)
    show(made)


@app.command()
def show(
    name: _NAME,
    history: Annotated[bool, typer.Option("--history", help="Also who left, and the names contracts had.")] = False,
    as_json: Json = False,
) -> None:
    """Show the members of a universe, and the contract each was found to be.

    Examples:

      ingest universe show us-large

      ingest universe show us-large --history --json
    """
    from ingest.app.universes import named
    from ingest.cli.screen import emit_json, say, show
    from ingest.cli.universe_screen import known_members, members_json, members_table, universe_json
    from ingest.store import universes as store

    with _engine() as engine, engine.connect() as connection:
        universe = named(connection, name)
        members = known_members(connection, store.members(connection, universe.id, with_former=history))
    if as_json:
        emit_json(universe_json(universe) | {"members": members_json(members, history=history)})
        return
    show(members_table(universe, members, history=history))
    if not members:
        say(f"No members yet. Next: `ingest universe add {name} AAPL`.")


@app.command()
def diff(
    name: _NAME,
    apply: Annotated[
        bool, typer.Option("--apply", help="Take over what is found; without it nothing changes.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Compare a universe with what IB lists today.

    delisted: IB no longer knows the contract. renamed: same contract, other symbol or name. moved: other exchange.
    expired: the last day of a future is over. unknown, ambiguous: never found; say more in the member's text.
    unchecked: IB gave no answer that proves anything; ask again.

    --apply keeps new names and exchanges, and lets the delisted and the expired go, with the reason; bars stay. A
    renamed member is the same contract as before and needs no change. The rest is yours to mend.

    Exit code 0: nothing differs, or everything was applied; 9: something differs. A lost gateway is exit code 5 and
    changes nothing.

    Examples:

      ingest universe diff us-large

      ingest universe diff us-large --apply --json
    """
    from ingest.app.connecting import clock_of
    from ingest.cli.screen import emit_json
    from ingest.cli.universe_screen import diff_json, tell_diff
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.errors import EXIT_INCOMPLETE

    settings = load_settings()
    clock = clock_of(settings)
    with Database.open(settings) as database:
        found = run_async(_compare(settings, database.engine, name, clock))
        applied = _apply(database.engine, found, clock) if apply else ()
    if as_json:
        emit_json(diff_json(found, applied))
    else:
        tell_diff(found, applied, apply=apply)
    return 0 if len(applied) == len(found.differences) else EXIT_INCOMPLETE


@app.command()
def delete(
    name: _NAME,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it, without asking.")] = False,
    as_json: Json = False,
) -> int:
    """Delete a universe, with the list of its members and their history. Instruments and bars stay.

    Example:

      ingest universe delete us-large --yes
    """
    from ingest.app import universes
    from ingest.cli.screen import emit_json, say
    from ingest.cli.universe_screen import count
    from ingest.errors import UsageError

    with _engine() as engine:
        if not yes:
            with engine.connect() as connection:
                universes.named(connection, name)
            raise UsageError(f"Deleting {name!r} also deletes who was in it, and when.", hint="Add --yes to do it.")
        members = universes.delete(engine, name)
    if as_json:
        emit_json({"deleted": name, "members": members})
    else:
        say(f"The universe {name} is deleted, with {count(members, 'member')}. Instruments and bars stay.")
    return 0


async def _compare(settings: Any, engine: Any, name: str, clock: "Clock") -> "Diff":
    from ingest.app.connecting import open_gateway
    from ingest.app.universe_diff import compare
    from ingest.app.universes import named

    with engine.connect() as connection:
        named(connection, name)  # before a gateway is looked for
    progress = _Progress(clock)
    async with open_gateway(settings, clock) as gateway:
        telling = asyncio.create_task(progress.tell_now_and_then())
        try:
            return await compare(gateway, engine, name, clock, progress)
        finally:
            telling.cancel()


def _apply(engine: Any, found: "Diff", clock: "Clock") -> "tuple[Difference, ...]":
    from ingest.app.universe_diff import apply

    return apply(engine, found, clock.now().date().isoformat())


class _Progress:
    """Says every two seconds how far a comparison is, also while an answer is waited for."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._text = "Looking up the members …"

    def __call__(self, done: int, of: int) -> None:
        self._text = f"{done}/{of} members looked up …"

    async def tell_now_and_then(self) -> None:
        from ingest.cli.screen import say

        while True:
            await self._clock.sleep(2.0)
            say(self._text)


def _filled(filled: "Filled", *, as_json: bool) -> None:
    from ingest.cli.screen import emit_json
    from ingest.cli.universe_screen import tell_filled, universe_json

    if as_json:
        document = universe_json(filled.universe)
        emit_json(document | {"added": filled.added, "known": filled.known, "new": filled.is_new})
    else:
        tell_filled(filled)


def _engine() -> Any:
    """The database's engine, as a context manager."""
    from contextlib import contextmanager

    from ingest.config import load_settings
    from ingest.database import Database

    @contextmanager
    def opened() -> Any:
        with Database.open(load_settings()) as database:
            yield database.engine

    return opened()
