"""`python -m ingest` is the console script."""

from ingest.cli import main

main()
