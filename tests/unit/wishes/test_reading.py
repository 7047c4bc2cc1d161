"""A job file gives a job, or everything that is wrong with it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.domain.bar_size import BarSize
from ingest.domain.what import WhatToShow
from ingest.errors import UsageError
from ingest.wishes import (
    AfterClose,
    Ago,
    Cron,
    ExportWish,
    Job,
    JobError,
    SeriesWish,
    Universe,
    Want,
    check_jobs,
    read_job,
    read_universe,
)
from tests.unit.wishes.writing import RIGHT, right_but, write

TODAY = date(2024, 6, 10)
SYMBOLS = 'symbols = ["AAPL", "BRK B"]'


def problems(folder: Path, text: str, today: date | None = TODAY) -> list[str]:
    """Without the file's name."""
    path = write(folder, text)
    return [str(each).removeprefix(f"{path}:") for each in check_jobs([path], today)[1]]


def test_a_whole_file_is_a_job(tmp_path: Path) -> None:
    extra = """
[schedule]
after_close = "NYSE"
delay = "45 min"
[export]
to = "snapshots"
keep_last = 7
"""
    path = write(tmp_path, 'description = "d"\npriority = 5\n' + RIGHT + extra)
    assert read_job(path, TODAY) == Job(
        name="nightly",
        path=path,
        universe=Universe(("AAPL", "BRK B")),
        series=(SeriesWish(BarSize.DAY_1), SeriesWish(BarSize.MIN_1, outside_rth=True)),
        want=Want(date(2024, 1, 2), date(2024, 2, 1)),
        schedule=AfterClose("XNYS", timedelta(minutes=45)),
        export=ExportWish(Path("snapshots"), 7),
        priority=5,
        description="d",
    )


def test_a_name_is_the_files_unless_it_says_one(tmp_path: Path) -> None:
    assert read_job(write(tmp_path, right_but('name = "nightly"', ""), "weekly.toml")).name == "weekly"
    (said,) = problems(tmp_path / "..", right_but('name = "nightly"', 'name = "../x"'))
    assert said.startswith("1: name: '../x' is no name")
    with pytest.raises(JobError, match=r"my job.toml:1: name: is missing, and the file's own 'my job' cannot be one"):
        read_job(write(tmp_path, right_but('name = "nightly"', ""), "my job.toml"))


def test_a_cron_line_with_its_zone(tmp_path: Path) -> None:
    text = RIGHT + '[schedule]\ncron = "30  22 * * mon-fri"\ntime_zone = "Europe/Paris"\n'
    assert read_job(write(tmp_path, text)).schedule == Cron("30 22 * * mon-fri", "Europe/Paris")


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2024-01-02", date(2024, 1, 2)),
        ('"20240102"', date(2024, 1, 2)),
        ("2024-01-02T10:00:00-05:00", datetime(2024, 1, 2, 15, tzinfo=UTC)),
        ("2024-01-02T10:00:00", datetime(2024, 1, 2, 10, tzinfo=UTC)),
        ('"2024-01-02T10:00"', datetime(2024, 1, 2, 10, tzinfo=UTC)),
        ('"1 year"', Ago(1, "year")),
        ('"6 Months"', Ago(6, "month")),
    ],
)
def test_since_is_a_session_an_instant_or_a_span(tmp_path: Path, since: str, expected: object) -> None:
    assert read_job(write(tmp_path, right_but("since = 2024-01-02", f"since = {since}"))).want.since == expected


def test_a_universe_may_be_the_first_column_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "us.csv").write_text('\ufeff# large\n\nSymbol,name\nAAPL,Apple\n\n#KO\n\'BRK B\',x\n "SPY","a,b"\n')
    (tmp_path / "us.csv").write_text("# large\n\nSymbol,name\nAAPL,Apple\n\n#KO\nBRK B,x\n")
    job = read_job(write(tmp_path, right_but('symbols = ["AAPL", "BRK B"]', 'file = "us.csv"\nexchange = "SMART"')))
    assert job.universe == Universe(("AAPL", "BRK B"), exchange="SMART", file=tmp_path / "us.csv")


@pytest.mark.parametrize("heading", ["symbol", "Instrument", "Ticker", "TICKER,name"])
def test_a_heading_is_no_instrument(tmp_path: Path, heading: str) -> None:
    listed = write(tmp_path, f"{heading}\nAAPL\nTICK\n", "us.csv")
    assert read_universe(listed, Universe(())).symbols == ("AAPL", "TICK")


def test_quotes_in_a_comment_mean_nothing(tmp_path: Path) -> None:
    listed = write(tmp_path, '# the,"large ones\nAAPL,"Apple, Inc. ""A"""\n  #,"\nMSFT\n', "us.csv")
    assert read_universe(listed, Universe(())).symbols == ("AAPL", "MSFT")


def test_a_universe_may_be_kept_in_the_database(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, right_but(SYMBOLS, 'name = "us-large"')))
    assert job.universe == Universe((), name="us-large")


def test_series_of_a_universe_that_is_not_known_here_are_not_taken_for_twins(tmp_path: Path) -> None:
    text = right_but(SYMBOLS, 'name = "us-large"').replace('"1 min"\nhours = "all"', '"1d"\nwhat = "BID_ASK"')
    assert len(read_job(write(tmp_path, text)).series) == 2
    twins = text.replace('what = "BID_ASK"', "")
    with pytest.raises(JobError, match="means the same series"):
        read_job(write(tmp_path, twins, "twins.toml"))


def test_a_universe_is_read_from_a_job_or_a_table_by_itself_or_a_list(tmp_path: Path) -> None:
    usual = Universe((), exchange="SMART")
    job = write(tmp_path, right_but('bar_size = "1 day"', "bar_size = 7"), "job.toml")
    assert read_universe(job, usual) == Universe(("AAPL", "BRK B"))
    table = write(tmp_path, '[universe]\nfile = "us.csv"\ncurrency = "USD"\n[want]\nsince = 7\n', "u.toml")
    listed = write(tmp_path, "symbol\nAAPL\nBRK B\n", "us.csv")
    assert read_universe(table, usual) == Universe(("AAPL", "BRK B"), currency="USD", file=listed)
    assert read_universe(listed, usual) == Universe(("AAPL", "BRK B"), exchange="SMART", file=listed)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("u.toml", '[universe]\nname = "us"', "2: universe.name: 'us' is kept in the database"),
        ("u.toml", "[want]\nsince = 7", "1: file: the table [universe] is missing"),
        ("u.toml", '[universe]\nsymbols = ["AAPL",\n"aapl"]', "3: universe.symbols: 'aapl' is listed twice"),
        ("u.csv", "# none\n", "1: file: names no instrument"),
        (
            "u.csv",
            'symbol,name\nAAPL,"Apple\nMSFT,Microsoft\nIBM,IBM\n',
            "2: row: is no row of a CSV: unexpected end of",
        ),
        (
            "u.csv",
            'KO,"Coca\r\nCola"\r\nAAPL,"App"le"\r\n',
            "3: row: is no row of a CSV: ',' expected after '\"'; look",
        ),
        ("u.csv", "AAPL\n../x\n", "2: symbol: '../X' cannot be a symbol"),
        ("u.csv", "AAPL@SMART\nKO\nAAPL\n", "3: symbol: 'AAPL' is listed twice, first in line 1"),
    ],
)
def test_a_universe_that_cannot_be_read_says_where(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = write(tmp_path, text, name)
    with pytest.raises(JobError) as refused:
        read_universe(path, Universe((), exchange="SMART"))
    assert str(refused.value).startswith(f"{path}:{said}")


def test_a_universe_in_a_file_that_is_not_there() -> None:
    with pytest.raises(JobError, match=r"none.csv:1: file: cannot be read: no such file"):
        read_universe(Path("none.csv"), Universe(()))


def test_a_fault_in_the_universes_file_is_reported_there(tmp_path: Path) -> None:
    (tmp_path / "us.csv").write_text("\ufeffsymbol\r\nAAPL\r\n../x\r\nAAPL\r\n", newline="")
    path = write(tmp_path, right_but('symbols = ["AAPL", "BRK B"]', 'file = "us.csv"'))
    found = [str(each) for each in check_jobs([path])[1]]
    assert found[0].startswith(f"{tmp_path / 'us.csv'}:3: symbol: '../X' cannot be a symbol")
    assert found[1:] == [f"{tmp_path / 'us.csv'}:4: symbol: 'AAPL' is listed twice, first in line 2"]


def test_a_quote_that_is_never_closed_hides_no_instrument_of_a_job(tmp_path: Path) -> None:
    listed = write(tmp_path, 'symbol,name\nAAPL,"Apple\nMSFT,Microsoft\nIBM,IBM\n', "us.csv")
    jobs, problems = check_jobs([write(tmp_path, right_but(SYMBOLS, 'file = "us.csv"'))])
    assert jobs == []
    (said,) = map(str, problems)
    assert said.startswith(f"{listed}:2: row: is no row of a CSV: unexpected end of data")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[want]", "[wants]", "13: wants: unknown key; did you mean 'want'?"),
        ("[want]", "[wants]", "1: file: the table [want] is missing"),
        ('bar_size = "1 min"', 'barsize = "1 min"', "10: series.barsize: unknown key; did you mean 'bar_size'?"),
        ('bar_size = "1 min"', 'barsize = "1 min"', "9: series.bar_size: is missing"),
        (
            "since = ",
            "zzz = 1\nsince = ",
            "14: want.zzz: unknown key; known here are since, until",
        ),
        ("since = ", "priority = 1\nsince = ", "14: want.priority: belongs at the top of the file, above the first"),
        ('name = "nightly"', "priority = 1.5", "1: priority: must be a whole number"),
        ('name = "nightly"', "priority = 101", "1: priority: must be at most 100"),
        ('name = "nightly"', "name = 7", "1: name: must be a string in quotes"),
        ('"1 min"', '"7m"', "10: series.bar_size: unknown bar size '7m'; use one of 1s,"),
        ('"1 min"', "1", "10: series.bar_size: must be a string in quotes"),
        ('"all"', '"night"', "11: series.hours: must be 'rth' or 'all', not 'night'"),
        ('hours = "all"', 'what = "GOSSIP"', "11: series.what: unknown data type 'GOSSIP'; use one of TRADES,"),
        ("2024-01-02", '"soon"', "14: want.since: 'soon' is no date and no span; write 2024-01-31"),
        ("2024-01-02", '"0 days"', "14: want.since: 0 days is no span"),
        ("2024-01-02", '"3000 years"', "14: want.since: 3000 years is longer than any history"),
        ("2024-01-02", "5", "14: want.since: must be a date such as"),
        ("2024-01-02", "2024-13-02", "14: syntax: this is not TOML: "),
        ("2024-01-02", "2044-01-02", "14: want.since: 2044-01-02 lies in the future"),
        ("2024-01-02", "2024-02-01", "15: want.until: 2024-02-01 is not after since, 2024-02-01"),
        ("2024-01-02", '"1 week"', "15: want.until: 2024-02-01 is not after since, 2024-06-03"),
        ("since = 2024-01-02", "", "13: want.since: is missing"),
        (SYMBOLS, 'file = "none.csv"', "4: universe.file: "),
        (SYMBOLS, "file = 3", "4: universe.file: must be a string in quotes"),
        (SYMBOLS, "symbols = []", "4: universe.symbols: names no instrument"),
        (SYMBOLS, 'symbols = "AAPL"', "4: universe.symbols: must be a list in square brackets"),
        (SYMBOLS, 'symbols = [\n"AAPL",\n3]', "6: universe.symbols: must be a string in quotes"),
        (SYMBOLS, 'symbols = [\n"AAPL",\n"a/b"]', "6: universe.symbols: 'A/B' cannot be a symbol"),
        (SYMBOLS, 'symbols = ["X"]\nfile = "us.csv"', "5: universe.file: symbols and file exclude each other"),
        (SYMBOLS, SYMBOLS + '\nname = "us"', "5: universe.name: symbols and name exclude each other"),
        (SYMBOLS, 'file = "us.csv"\nname = "us"', "5: universe.name: file and name exclude each other"),
        (SYMBOLS, 'name = "us"\nexchange = "SMART"', "5: universe.exchange: belongs to the universe in the database"),
        (SYMBOLS, 'name = "my us"', "4: universe.name: 'my us' is no name: letters, digits"),
        (SYMBOLS, f'name = "{"u" * 65}"', "4: universe.name: a name must not be longer than 64 letters"),
        (SYMBOLS, "name = 7", "4: universe.name: must be a string in quotes"),
        (SYMBOLS, "", "3: universe: needs symbols, file or name"),
        (SYMBOLS, SYMBOLS + '\nsec_type = "STOCK"', "5: universe.sec_type: unknown security type 'STOCK'"),
        (SYMBOLS, SYMBOLS + '\ncurrency = "$"', "5: universe.currency: '$' is no currency"),
        (
            '"1 min"\nhours = "all"',
            '"1d"\nwhat = "trades"',
            "9: series: means the same series as the [[series]] in line 6",
        ),
        (
            '[[series]]\nbar_size = "1 min"',
            '[[serie]]\nbar_size = "1 min"',
            "9: serie: unknown key; did you mean 'series'?",
        ),
        ("[universe]", "[[universe]]", "3: universe: must be a table: write [universe]"),
        ("[want]", "[want", "13: syntax: this is not TOML: "),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(tmp_path, right_but(old, new))
    assert any(each.startswith(said) for each in found), found


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('cron = "0 0 31 2 *"\ntime_zone = "UTC"', "17: schedule.cron: '0 0 31 2 *' never fires"),
        ('cron = "0 25 * * *"\ntime_zone = "UTC"', "17: schedule.cron: '0 25 * * *' is no crontab line: "),
        ('cron = "@daily"\ntime_zone = "UTC"', "17: schedule.cron: '@daily' has 1 fields; write five"),
        ('cron = "0 1 * * 1-5"\ntime_zone = "UTC"', "17: schedule.cron: weekday '1-5': write names such as mon-fri"),
        ('cron = "0 1 * * *"\ntime_zone = "Mars/Base"', "18: schedule.time_zone: unknown time zone 'Mars/Base'"),
        ('cron = "0 1 * * *"', "17: schedule.cron: needs a time_zone beside it"),
        ('cron = "0 1 * * *"\ntime_zone = "UTC"\ndelay = "1 h"', "19: schedule.delay: belongs to after_close"),
        (
            'cron = "0 1 * * *"\nafter_close = "XNYS"',
            "18: schedule.after_close: cron and after_close exclude each other",
        ),
        ('after_close = "XNY"', "17: schedule.after_close: unknown calendar 'XNY'; did you mean 'XNYS'?"),
        ('after_close = "?"', "17: schedule.after_close: unknown calendar '?'; write an ISO code"),
        ('after_close = "XBEL"', "17: schedule.after_close: exchange_calendars cannot work out its calendar 'XBEL'"),
        ('after_close = "XNYS"\ndelay = "soon"', "18: schedule.delay: 'soon' is no delay"),
        ('after_close = "XNYS"\ndelay = "25 h"', "18: schedule.delay: '25 h' is longer than a day"),
        ('after_close = "XNYS"\ntime_zone = "UTC"', "18: schedule.time_zone: belongs to cron"),
        ('delay = "1 h"', "16: schedule: needs cron or after_close"),
    ],
)
def test_a_schedule_that_cannot_be_meant(tmp_path: Path, lines: str, said: str) -> None:
    found = problems(tmp_path, RIGHT + "[schedule]\n" + lines)
    assert any(each.startswith(said) for each in found), found


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("keep_last = 3", "16: export.to: is missing"),
        ('to = ""', "17: export.to: must not be empty"),
        ('to = "x"\nkeep_last = 0', "18: export.keep_last: must be at least 1"),
    ],
)
def test_an_export_that_cannot_be_meant(tmp_path: Path, lines: str, said: str) -> None:
    assert problems(tmp_path, RIGHT + "[export]\n" + lines) == [said]


def test_no_fault_hides_another(tmp_path: Path) -> None:
    text = """\
nam = "x"
priority = "high"
[universe]
symbols = ["AAPL", "a/b"]
currency = "dollars"
colour = 1
[[series]]
bar_size = "7m"
what = "GOSSIP"
[[series]]
bar_size = "1d"
hour = "all"
[want]
since = 2024-03-01
until = 2024-02-01
to = 1
[schedule]
cron = "0 0 31 2 *"
time_zone = "Mars/Base"
[export]
keep_last = 0
"""
    lines = [int(each.split(":")[0]) for each in problems(tmp_path, text)]
    assert lines == [1, 2, 4, 5, 6, 8, 9, 12, 15, 16, 18, 19, 20, 21]


def test_a_series_that_is_wrong_is_nobodys_twin(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, right_but('"1 min"\nhours = "all"', '"1 day"\nwhat = "GOSSIP"'))
    assert said.startswith("11: series.what: unknown data type 'GOSSIP'")


def test_one_empty_file_lacks_all_three_tables(tmp_path: Path) -> None:
    found = problems(tmp_path, "")
    assert found == [
        "1: file: a table [[series]] is missing; write one for each bar size",
        "1: file: the table [universe] is missing",
        "1: file: the table [want] is missing",
    ]


def test_single_brackets_around_series(tmp_path: Path) -> None:
    text = RIGHT.replace('[[series]]\nbar_size = "1 min"\nhours = "all"\n', "").replace("[[series]]", "[series]")
    assert problems(tmp_path, text) == [
        "6: series: must be tables in double brackets: write [[series]], one for each bar size"
    ]


def test_without_a_day_a_relative_edge_passes_what_depends_on_it(tmp_path: Path) -> None:
    text = right_but("since = 2024-01-02", 'since = "1 week"')
    assert problems(tmp_path, text, None) == []
    assert problems(tmp_path, text.replace("until = 2024-02-01", 'until = "8 days"'), None) != []


def test_two_jobs_of_one_name(tmp_path: Path) -> None:
    one, two = write(tmp_path, RIGHT, "a.toml"), write(tmp_path, RIGHT, "b.toml")
    jobs, found = check_jobs([one, two])
    assert [job.path for job in jobs] == [one]
    assert [str(each) for each in found] == [f"{two}:1: name: 'nightly' is the name of {one} already"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "job.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JobError, match=r"job\.toml:1: file: cannot be read: ") as caught:
        read_job(path)
    assert isinstance(caught.value, UsageError)


def test_a_byte_order_mark_and_windows_lines_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode())
    assert read_job(path).name == "nightly"


def test_series_are_twins_only_where_they_are_for_every_type(tmp_path: Path) -> None:
    two = 'bar_size = "1d"\nwhat = "MIDPOINT"\n[[series]]\nbar_size = "1 min"'
    text = right_but('bar_size = "1 min"', two)
    assert problems(tmp_path, text.replace('"BRK B"', '"EUR.USD"')) == []
    assert len(problems(tmp_path, text.replace(SYMBOLS, 'symbols = ["EUR.USD"]'))) == 1


@pytest.mark.parametrize(
    ("ago", "day", "before"),
    [
        ("10 days", date(2024, 3, 5), date(2024, 2, 24)),
        ("2 weeks", date(2024, 3, 5), date(2024, 2, 20)),
        ("1 month", date(2024, 3, 31), date(2024, 2, 29)),
        ("14 months", date(2024, 1, 15), date(2022, 11, 15)),
        ("1 year", date(2024, 2, 29), date(2023, 2, 28)),
        ("12 months", date(2024, 12, 1), date(2023, 12, 1)),
    ],
)
def test_so_long_ago(ago: str, day: date, before: date) -> None:
    assert Ago.parse(ago).before(day) == before


def test_a_data_type_may_be_named(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, right_but('hours = "all"', 'what = "bid_ask"')))
    assert job.series[1] == SeriesWish(BarSize.MIN_1, WhatToShow.BID_ASK)
