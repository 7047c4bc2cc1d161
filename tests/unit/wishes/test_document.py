"""A job's document loses nothing on its way through JSON."""

import dataclasses
import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given

from ingest.wishes import Ago, Job, JobError, Want, document_of, examples, job_of, read_job
from tests.unit.wishes.generated import jobs
from tests.unit.wishes.writing import RIGHT, write


@given(jobs)
def test_a_job_comes_back_as_it_went(job: Job) -> None:
    back = job_of(json.loads(json.dumps(document_of(job))))
    assert back == job
    for edge, before in ((back.want.since, job.want.since), (back.want.until, job.want.until)):
        assert type(edge) is type(before)
        if isinstance(before, datetime):
            assert isinstance(edge, datetime)
            assert edge.utcoffset() == before.utcoffset()


@pytest.mark.parametrize("name", examples())
def test_the_examples_come_back_as_they_went(name: str) -> None:
    job = read_job(examples()[name])
    assert job_of(json.loads(json.dumps(document_of(job)))) == job


def test_a_document_can_be_read_by_people(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, RIGHT + '\n[schedule]\nafter_close = "NYSE"\ndelay = "45 min"\n'))
    document = document_of(job)
    assert document["want"] == {"since": "2024-01-02", "until": "2024-02-01"}
    assert document["series"][1] == {"bar_size": "1 min", "what": None, "outside_rth": True}
    assert document["schedule"] == {"after_close": "XNYS", "delay_seconds": 2700.0}
    relative = dataclasses.replace(job, want=Want(Ago(3, "year")))
    assert document_of(relative)["want"] == {"since": "3 years", "until": None}


def test_what_no_database_keeps_is_no_job(tmp_path: Path) -> None:
    wrong = RIGHT.replace('["AAPL"', '["A\\u0000", "AAPL"') + '\n[export]\nto = "a\\u0000"\n'
    path = write(tmp_path, 'description = "a\\u0000"\n' + wrong)
    with pytest.raises(JobError) as refused:
        read_job(path)
    assert [each.key for each in refused.value.problems] == ["description", "universe.symbols", "export.to"]
    path = write(tmp_path, RIGHT.replace('symbols = ["AAPL", "BRK B"]', 'file = "a\\u0000"'))
    with pytest.raises(JobError, match=r"universe\.file: must not hold a NUL character"):
        read_job(path)


def test_a_wish_for_nothing_is_refused(tmp_path: Path) -> None:
    document = document_of(read_job(write(tmp_path, RIGHT)))
    document["want"]["since"] = None
    with pytest.raises(ValueError, match="wants nothing"):
        job_of(document)
