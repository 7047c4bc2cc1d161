"""`ingest notify test` as a user meets it: what arrives, what is said, and that no address is ever shown."""

import json
from pathlib import Path

import pytest

from tests.acceptance.running import CommandLine
from tests.unit.notify.receiving import endpoint

SECRET = "h1ddenT0ken"


def test_it_says_which_services_took_the_message(tmp_path: Path) -> None:
    with endpoint() as web:
        urls = f"json://me:{SECRET}@127.0.0.1:{web.port}/{SECRET}\njson://127.0.0.1:1/{SECRET}"
        ingest = CommandLine.at(tmp_path, INGEST_NOTIFY_URLS=urls)
        done = ingest.run("notify", "test")
        assert (done.returncode, done.stdout.splitlines()) == (
            9,
            ["✓  JSON (json://…) no. 1", "✗  JSON (json://…) no. 2: could not be reached"],
        )
        assert done.stderr == "error: 1 of 2 services did not take the message. Correct INGEST_NOTIFY_URLS.\n"
        assert SECRET not in done.stdout + done.stderr
        assert web.posts[0]["title"] == "ingest: a test"
        one = ingest.run("notify", "test", "--json", INGEST_NOTIFY_URLS=urls.splitlines()[0])
    assert (one.returncode, json.loads(one.stdout)) == (
        0,
        {"services": [{"service": "JSON (json://…)", "problem": ""}]},
    )


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("", "error: Nobody would be told: INGEST_NOTIFY_URLS is not set. Set it to an apprise URL, for example "),
        (f"nosuch://{SECRET}", "error: Address 1 in INGEST_NOTIFY_URLS is none that apprise can read. Write it as "),
    ],
)
def test_what_cannot_be_sent_anywhere_is_one_line(tmp_path: Path, urls: str, said: str) -> None:
    done = CommandLine.at(tmp_path, INGEST_NOTIFY_URLS=urls).run("notify", "test")
    assert done.returncode == 3
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    assert SECRET not in done.stderr
