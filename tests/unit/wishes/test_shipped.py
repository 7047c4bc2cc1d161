"""The examples that come with the program are right, and stand by themselves when printed."""

from datetime import date
from pathlib import Path

import pytest

from ingest.errors import UsageError
from ingest.wishes import check_jobs, example_text, examples, read_job
from tests.unit.wishes.writing import write


def test_every_example_is_right() -> None:
    jobs, problems = check_jobs(examples().values(), date(2026, 11, 20))
    assert not problems
    assert [job.name for job in jobs] == ["adhoc-backfill", "futures-roll-weekly", "us-equities-nightly"]


@pytest.mark.parametrize("name", ["adhoc-backfill", "futures-roll-weekly", "us-equities-nightly"])
def test_a_printed_example_says_the_same(tmp_path: Path, name: str) -> None:
    shipped, printed = read_job(examples()[name]), read_job(write(tmp_path, example_text(name)))
    assert printed.universe.symbols == shipped.universe.symbols
    assert printed.universe.file is None
    assert (printed.name, printed.series, printed.want) == (name, shipped.series, shipped.want)
    assert (printed.schedule, printed.export) == (shipped.schedule, shipped.export)


def test_the_page_about_jobs_shows_a_file_that_is_right(tmp_path: Path) -> None:
    page = (next(iter(examples().values())).parent / "README.md").read_text(encoding="utf-8")
    text = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "universes").mkdir()
    (tmp_path / "universes" / "us.csv").write_text("AAPL\n")
    assert check_jobs([write(tmp_path, text)], date(2026, 11, 20))[1] == []


def test_an_example_there_is_not() -> None:
    with pytest.raises(UsageError, match="Did you mean us-equities-nightly"):
        example_text("us-equities")
