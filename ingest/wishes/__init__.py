"""Wishes as files: what a TOML file in `jobs/` says, checked whole and turned into a frozen `Job`.

`read_job` reads one file, `check_jobs` many; they report everything that is wrong at once, each with file, line and
key. A job is data: it names instruments as people write them and edges such as "3 years"; who resolves, plans and runs
it is elsewhere (`ingest.app.wishing`). `document_of` and `job_of` carry one through the database.
"""

from ingest.wishes.document import document_of, job_of
from ingest.wishes.job import AfterClose, Ago, Cron, ExportWish, Job, SeriesWish, Universe, Want
from ingest.wishes.problems import JobError, Problem
from ingest.wishes.reading import check_jobs, read_job, read_universe
from ingest.wishes.shipped import example_text, examples

__all__ = [
    "AfterClose",
    "Ago",
    "Cron",
    "ExportWish",
    "Job",
    "JobError",
    "Problem",
    "SeriesWish",
    "Universe",
    "Want",
    "check_jobs",
    "document_of",
    "example_text",
    "examples",
    "job_of",
    "read_job",
    "read_universe",
]
