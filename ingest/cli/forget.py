"""`ingest forget`: take back what was asked for by mistake."""

from ingest.cli.options import Json, SomeBarSizes, Symbols, What


def forget(
    symbols: Symbols,
    bar_size: SomeBarSizes = None,
    what: What = "",
    as_json: Json = False,
) -> int:
    """Forget that more was asked for of a series than is held, as after a backfill that was begun by mistake.

    What is held stays: bars, ledger and the log of requests. Only the time that `ingest status` calls unknown is no
    longer missed, nor asked for by `ingest update`. To stop a job of the queue there is `ingest jobs cancel`.

    Examples:

      ingest forget TSLA --bar-size 1m
    """
    from ingest.cli.held import held_series, none_held
    from ingest.cli.jobs.words import count
    from ingest.cli.screen import emit_json, say, show
    from ingest.config import load_settings
    from ingest.database import Database
    from ingest.store import asked

    with Database.open(load_settings()) as database:
        rows = held_series(database.engine, symbols, bar_size, what)
        with database.engine.begin() as connection:
            forgotten = asked.forget(connection, [row.id for row in rows])
    if as_json:
        emit_json({"series": [str(row) for row in rows], "forgotten": forgotten})
    elif not rows:
        say(none_held(symbols, bar_size, what))
    else:
        show(f"Of {count(forgotten, 'series', 'series')} no more is asked for than is held.")
    return 0
