"""`ingest status` says which job files are wrong: what was read of them last goes on, and nobody may watch the log."""

from tests.acceptance.job_commands.scene import WISH, Here

WRONG = WISH.replace('symbols = ["AAPL", "MSFT"]', 'symbols = ["AAPL", 7]')


def test_the_status_tells_what_is_wrong_with_the_file_of_a_wish_and_no_more_once_it_is_mended(ingest: Here) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    ingest.told("jobs", "queue", "night.toml")
    assert "wrong" not in ingest.run("status").stderr
    (ingest.folder / "night.toml").write_text(WRONG)
    said = ingest.run("status")
    assert "Job files that are wrong (what was last read of them counts):\n  night.toml:" in said.stderr
    assert "universe.symbols" in said.stderr
    assert "night " in said.stdout
    (problem,) = ingest.json("status")["job_file_problems"]
    assert (problem["file"], problem["key"]) == (str(ingest.folder / "night.toml"), "universe.symbols")
    (ingest.folder / "night.toml").write_text(WISH)
    assert "wrong" not in ingest.run("status").stderr


def test_the_status_tells_of_a_new_file_that_never_was_right(ingest: Here) -> None:
    (ingest.folder / "jobs").mkdir()
    (ingest.folder / "jobs" / "new.toml").write_text("[universe\n")
    (ingest.folder / "jobs" / ".new.toml.swp").write_text("[")
    said = ingest.run("status")
    assert said.returncode == 0
    assert "\n  jobs/new.toml:1: " in said.stderr
    assert said.stderr.count(".toml") == 1


def test_a_file_that_is_gone_is_no_wrong_file(ingest: Here) -> None:
    (ingest.folder / "night.toml").write_text(WISH)
    ingest.told("jobs", "queue", "night.toml")
    (ingest.folder / "night.toml").unlink()
    assert "wrong" not in ingest.run("status").stderr
