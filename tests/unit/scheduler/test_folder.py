"""The folder of job files while it changes: what counts, what is wrong, and what is told of it."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ingest.scheduler.closes import UnusableCalendar
from ingest.scheduler.folder import JobFolder, Look
from ingest.wishes import check_jobs, read_job
from tests.given import at
from tests.unit.wishes.writing import RIGHT, write

NOW = at("2024-06-03 12:00")
LISTED = RIGHT.replace('symbols = ["AAPL", "BRK B"]', 'file = "universe.csv"')


def named(name: str, text: str = RIGHT) -> str:
    return text.replace('name = "nightly"', f'name = "{name}"')


@pytest.fixture
def look(tmp_path: Path) -> Callable[[], Look]:
    folder = JobFolder(tmp_path)
    return lambda: folder.look(NOW)


def names(found: Look) -> dict[str, str]:
    return {name: job.path.name for name, job in found.jobs.items()}


def lines(found: Look) -> list[str]:
    return [f"{problem.file.name}:{problem.line}: {problem.key}: {problem.message}" for problem in found.news]


def test_files_come_change_and_go(tmp_path: Path, look: Callable[[], Look]) -> None:
    assert look() == Look({}, (), (), ())
    one = write(tmp_path, named("one"), "one.toml")
    write(tmp_path, named("two"), "two.toml")
    write(tmp_path, "not a job", "notes.txt")
    write(tmp_path, "being edited", ".#two.toml")
    assert names(look()) == {"one": "one.toml", "two": "two.toml"}
    write(tmp_path, named("one") + "\n[export]\nto = 'out'\n", "one.toml")
    assert look().jobs["one"].export is not None
    one.unlink()
    assert names(look()) == {"two": "two.toml"}


def test_a_file_that_a_job_refers_to_is_watched_as_well(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, LISTED)
    universe = write(tmp_path, "AAPL\n", "universe.csv")
    assert look().jobs["nightly"].universe.symbols == ("AAPL",)
    universe.write_text("AAPL\nMSFT\n", encoding="utf-8")
    assert look().jobs["nightly"].universe.symbols == ("AAPL", "MSFT")
    universe.unlink()
    gone = look()
    assert gone.jobs["nightly"].universe.symbols == ("AAPL", "MSFT")
    assert "universe.csv cannot be read: no such file or directory" in lines(gone)[0]
    universe.write_text("KO\n", encoding="utf-8")
    back = look()
    assert back.jobs["nightly"].universe.symbols == ("KO",)
    assert back.mended == (tmp_path / "job.toml",)


def test_a_job_is_there_as_soon_as_its_universe_is(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, LISTED)
    assert not look().jobs
    write(tmp_path, "AAPL\n", "universe.csv")
    assert names(look()) == {"nightly": "job.toml"}


def test_a_change_within_the_reading_is_seen_the_next_time(
    tmp_path: Path, look: Callable[[], Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, RIGHT)

    def change_after_reading(paths: list[Path], today: date) -> object:
        found = check_jobs(paths, today)
        path.write_text(named("changed"), encoding="utf-8")
        return found

    monkeypatch.setattr("ingest.scheduler.folder.check_jobs", change_after_reading)
    assert names(look()) == {"nightly": "job.toml"}
    monkeypatch.setattr("ingest.scheduler.folder.check_jobs", check_jobs)
    assert names(look()) == {"changed": "job.toml"}


def test_what_was_good_goes_on_when_its_file_is_not_any_more(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, RIGHT)
    good = look().jobs["nightly"]
    write(tmp_path, RIGHT.replace("1 day", "7m").replace("until", "untill"))
    wrong = look()
    assert wrong.jobs == {"nightly": good}
    assert [line.split(": ")[:2] for line in lines(wrong)] == [
        ["job.toml:7", "series.bar_size"],
        ["job.toml:15", "want.untill"],
    ]
    again = look()
    assert (again.jobs, again.problems, again.news) == ({"nightly": good}, wrong.problems, ())
    write(tmp_path, "[universe")
    worse = look()
    assert worse.jobs == {"nightly": good}
    assert lines(worse)[0].startswith("job.toml:1: syntax: ")
    write(tmp_path, named("nightly", RIGHT.replace("1 day", "1 hour")))
    mended = look()
    assert (mended.problems, mended.mended) == ((), (tmp_path / "job.toml",))
    assert mended.jobs["nightly"] != good
    assert look().mended == ()


def test_what_was_good_before_counts_while_its_file_is_wrong_and_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, RIGHT)
    good = read_job(path)
    write(tmp_path, "[universe")
    folder = JobFolder(tmp_path)
    folder.remember([good])
    wrong = folder.look(NOW)
    assert wrong.jobs == {"nightly": good}
    assert lines(wrong)[0].startswith("job.toml:1: syntax: ")
    write(tmp_path, named("other"))
    mended = folder.look(NOW)
    assert (names(mended), mended.mended) == ({"other": "job.toml"}, (path,))


def test_what_is_remembered_counts_for_nothing_where_the_file_is_right_or_gone(tmp_path: Path) -> None:
    goes, stays = write(tmp_path, named("goes"), "goes.toml"), write(tmp_path, named("stays"), "stays.toml")
    known = [read_job(goes), read_job(stays)]
    goes.unlink()
    write(tmp_path, named("renamed"), "stays.toml")
    folder = JobFolder(tmp_path)
    folder.remember(known)
    assert names(folder.look(NOW)) == {"renamed": "stays.toml"}


def test_who_had_a_name_before_keeps_it(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.remember([read_job(write(tmp_path, RIGHT, "z.toml"))])
    write(tmp_path, RIGHT, "a.toml")
    assert names(folder.look(NOW)) == {"nightly": "z.toml"}


def test_the_problems_of_a_file_that_is_removed_are_gone(tmp_path: Path, look: Callable[[], Look]) -> None:
    path = write(tmp_path, "[universe")
    assert look().problems
    path.unlink()
    assert look() == Look({}, (), (), ())


def test_who_has_a_name_keeps_it(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, RIGHT, "z.toml")
    look()
    write(tmp_path, RIGHT, "a.toml")
    clash = look()
    assert names(clash) == {"nightly": "z.toml"}
    assert lines(clash) == [f"a.toml:1: name: 'nightly' is the name of {tmp_path / 'z.toml'} already"]
    write(tmp_path, "[universe", "z.toml")  # its last good version goes on, and so does its name
    assert names(look()) == {"nightly": "z.toml"}
    (tmp_path / "z.toml").unlink()
    free = look()
    assert names(free) == {"nightly": "a.toml"}
    assert free.problems == ()


def test_of_two_new_files_of_one_name_the_first_gets_it(tmp_path: Path, look: Callable[[], Look]) -> None:
    for name in ("b.toml", "a.toml"):
        write(tmp_path, RIGHT, name)
    assert names(look()) == {"nightly": "a.toml"}


def test_names_can_be_swapped(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, named("one"), "a.toml")
    write(tmp_path, named("two"), "b.toml")
    look()
    write(tmp_path, named("two"), "a.toml")
    write(tmp_path, named("one"), "b.toml")
    assert names(look()) == {"one": "b.toml", "two": "a.toml"}


def test_a_file_that_takes_a_name_in_use_keeps_its_own(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, named("one"), "a.toml")
    write(tmp_path, named("two"), "b.toml")
    look()
    write(tmp_path, named("one"), "b.toml")
    clash = look()
    assert names(clash) == {"one": "a.toml", "two": "b.toml"}
    assert len(clash.news) == 1
    write(tmp_path, named("two"), "a.toml")  # b wants one, a leaves it and takes b's
    assert names(look()) == {"one": "b.toml", "two": "a.toml"}


def test_a_calendar_that_cannot_be_worked_out_is_a_problem_with_its_line(
    tmp_path: Path, look: Callable[[], Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unusable(*_: object) -> None:
        raise UnusableCalendar("the calendar 'XLON' cannot be worked out")

    monkeypatch.setattr("ingest.scheduler.folder.next_after", unusable)
    write(tmp_path, RIGHT + '\n[schedule]\nafter_close = "XLON"\n')
    assert lines(look()) == ["job.toml:18: schedule.after_close: the calendar 'XLON' cannot be worked out"]


def test_a_name_that_is_no_text_is_a_problem(tmp_path: Path, look: Callable[[], Look]) -> None:
    write(tmp_path, RIGHT)
    try:
        (tmp_path / os.fsdecode(b"\xff.toml")).write_text(named("odd"), encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes no such name")
    found = look()
    assert names(found) == {"nightly": "job.toml"}
    assert found.news[0].message == "the file's name is not UTF-8"
    str(found.news[0]).encode()


def test_a_folder_that_cannot_be_read_says_nothing_of_its_files(tmp_path: Path) -> None:
    inside = tmp_path / "jobs"
    inside.mkdir()
    write(inside, RIGHT)
    folder = JobFolder(inside)
    folder.look(NOW)
    inside.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        folder.look(NOW)
    (tmp_path / "away").rename(inside)
    assert names(folder.look(NOW)) == {"nightly": "job.toml"}
