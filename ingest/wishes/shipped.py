"""The examples that come with the program: `jobs/`, inside the installed package or beside it in a checkout."""

from difflib import get_close_matches
from pathlib import Path

from ingest.errors import IngestError, UsageError
from ingest.wishes.positions import Positions
from ingest.wishes.reading import read_job


def examples() -> dict[str, Path]:
    """Name → file, by name."""
    return {path.stem: path for path in sorted(_folder().glob("*.toml"))}


def example_text(name: str) -> str:
    """The example as one file that stands by itself: a universe's file is written out as `symbols`.

    Raises UsageError for a name there is no example of.
    """
    known = examples()
    wanted = name.removesuffix(".toml")
    if wanted not in known:
        near = get_close_matches(wanted, list(known), n=1)
        advice = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
        raise UsageError(f"There is no example called {name!r}.", hint=advice)
    path = known[wanted]
    text = path.read_text(encoding="utf-8")
    universe = read_job(path).universe
    if universe.file is None:
        return text
    lines = text.splitlines(keepends=True)
    lines[Positions.of(text).line(("universe", "file")) - 1] = _written_out(universe.symbols)
    return "".join(lines)


def _written_out(symbols: tuple[str, ...]) -> str:
    return "symbols = [\n" + "".join(f'  "{symbol}",\n' for symbol in symbols) + "]\n"


def _folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_shipped" / "jobs", package.parent / "jobs"):
        if any(folder.glob("*.toml")):
            return folder
    raise IngestError("The example jobs are missing from this installation.", hint="Install ingest again.")
