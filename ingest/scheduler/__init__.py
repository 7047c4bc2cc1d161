"""When: reads the folder of job files and puts each wish to work when its schedule says so.

`occurrences` says when, `folder` what there is, `timers` wakes up, `book` fires (a firing and its job in one
transaction, each occurrence once, however many schedulers there are), and `service.Scheduler` goes on doing so.
"""

from ingest.scheduler.book import Fired, Waiting
from ingest.scheduler.service import Found, Scheduler

__all__ = ["Fired", "Found", "Scheduler", "Waiting"]
