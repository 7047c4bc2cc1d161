"""The long soak.

python -m tests.soak                           200 series, 30 days
python -m tests.soak --series 20 --days 5      a look
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from ingest.cli.screen import configure_logs
from ingest.store import migrate
from ingest.store.embedded import EmbeddedServer
from ingest.store.engine import create_engine
from tests.soak.nights import soak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=3)
    chosen = parser.parse_args()
    configure_logs(verbose=False)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="ingest-soak-") as folder,
        EmbeddedServer.start(Path(folder) / "home", settings={"fsync": "off"}) as server,
    ):
        engine = create_engine(server.url)
        migrate.upgrade(engine)
        diary = soak(engine, Path(folder), series=chosen.series, days=chosen.days, seed=chosen.seed)
        engine.dispose()
    say = sys.stdout.write
    say(f"{diary.series} series, {diary.nights} nights, {diary.requests:,} requests, {diary.faults:,} faults\n")
    say(f"{diary.incomplete} nights could not get everything; {len(diary.ended_early)} ended early\n")
    for each in diary.ended_early:
        say(f"  {each}\n")
    say(f"{diary.bars:,} bars held; {diary.violations} pacing violations by the simulator's count\n")
    for each in diary.wrong:
        say(f"WRONG {each}\n")
    say(f"{'clean' if diary.is_clean else 'NOT CLEAN'} after {time.monotonic() - began:.0f} s\n")
    return 0 if diary.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
