"""The command line: one file per command. Results go to stdout, everything else to stderr; errors are one line.

Exit codes are those of `ingest.errors`: 0 done, 2 what was typed, 3 settings, 4 database, 5 gateway, 6 busy, 7 export,
8 request, 9 done but not everything could be had, 130 stopped with Ctrl-C.
"""

import signal
import sys


def main() -> None:
    """Entry point of the console script. SIGTERM ends it as an exit does: the embedded server is left in order."""
    from ingest.cli.root import run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(run(sys.argv[1:]))
