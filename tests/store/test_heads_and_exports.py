"""Head timestamps and the log of snapshots: what was answered last, and what was published."""

from sqlalchemy import Engine

from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.store import exports, heads, instruments
from ingest.store.heads import Head
from tests import given


def test_the_last_head_timestamp_counts_and_none_is_an_answer(engine: Engine) -> None:
    first = Head(given.at("1980-12-12"), given.at("2024-01-02"))
    none = Head(None, given.at("2024-02-02"))
    with engine.begin() as connection:
        owner = instruments.save(connection, given.AAPL, Origin.LIVE)
        assert heads.read(connection, owner, WhatToShow.TRADES) is None
        for head in (first, none):
            heads.save(connection, owner, WhatToShow.TRADES, head)
            assert heads.read(connection, owner, WhatToShow.TRADES) == head
        assert heads.read(connection, owner, WhatToShow.BID) is None


def test_snapshots_are_listed_newest_first(engine: Engine) -> None:
    with engine.begin() as connection:
        ids = [
            exports.save(connection, f"snapshots/{n}", {"rows": n, "files": ["a"]}, given.at("2024-01-02"))
            for n in range(3)
        ]
        newest, second = exports.listing(connection, limit=2)
    assert (newest.id, second.id) == (ids[2], ids[1])
    assert (newest.path, newest.manifest) == ("snapshots/2", {"rows": 2, "files": ["a"]})
