"""What the jobs of one gateway do: make a series complete by slices, turn a firing into such jobs, and conclude it."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from ingest.app.connecting import spare_units
from ingest.app.serving.expanding import FIRST_WAIT, LOOKUPS, Expansion
from ingest.app.serving.station import Manned
from ingest.app.serving.telling import Teller
from ingest.app.wishing import Unmet
from ingest.clock import Clock, wall_time
from ingest.config import Settings
from ingest.domain.conclusion import Conclusion, FailedJob
from ingest.domain.job import JobProgress, Lane
from ingest.domain.window import Window
from ingest.errors import (
    DatabaseFull,
    DatabaseUnreachable,
    GatewayError,
    IngestError,
    RequestError,
    SeriesBusy,
    UsageError,
)
from ingest.queue.tasks import Handler, Handlers, JobFailed, Later
from ingest.store import job_listing, jobs
from ingest.store import series as series_store
from ingest.store.series import SeriesRow
from ingest.worker.lines import Shape
from ingest.worker.rounds import Done, GivenUp, NextRound, NextSlice, RoundPolicy, after_slice
from ingest.worker.slices import SliceResult

log = structlog.get_logger()

#: A series that somebody else is filling, or a gateway that has just gone, is tried again after so long.
_BUSY = timedelta(seconds=30)
_GONE = timedelta(seconds=5)
#: How long a conclusion waits for another; the next attempt is after `_GONE`.
_TURN_SECONDS = 1.0
#: Slices are of different length, so that they do not all end at the same moment: some place is free soon.
_SHORTEST_SLICE = 0.5
_chance = random.SystemRandom()
#: So many symbols are named in a job's note.
_TOLD = 5


@dataclass(slots=True)
class Tasks:
    """The tasks at one gateway. `handlers` is what the queue calls."""

    settings: Settings
    name: str
    engine: Engine
    clock: Clock
    manned: Manned
    teller: Teller
    on_full: Callable[[DatabaseFull], None] = lambda _error: None
    _ahead: timedelta = timedelta(0)
    _concluding: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def handlers(self) -> Handlers:
        return Handlers(*(self._unharmed(each) for each in (self.fill, self.expand, self.conclude)))

    def _unharmed(self, task: Handler) -> Handler:
        """No job is lost for a database that is away, and none fails in silence."""

        async def unharmed(job_id: int, args: Mapping[str, Any]) -> None:
            of = {"wish": args["wish"]} if args["wish"] else {}
            with log_context(job=job_id, gateway=self.name, **of):
                try:
                    await asyncio.to_thread(self._see_clock)
                    await task(job_id, args)
                except DatabaseUnreachable as error:
                    log.info("job_given_back", because=error.message)
                    raise Later(self._wall(_GONE)) from None
                except DatabaseFull as error:
                    self.on_full(error)
                    raise Later(self._wall(_GONE)) from None
                except Later:
                    raise
                except Exception as error:
                    why = await self._blame(job_id, error)
                    # What fails of a firing is told with its conclusion, unless that is what has failed.
                    if args.get("firing") is None or task == self.conclude:
                        subject = f"series {args['series']}" if "series" in args else "the conclusion"
                        named = getattr(error, "subject", "") or subject
                        await self.teller.job_failed(args["wish"], FailedJob(job_id, named, why))
                    raise

        return unharmed

    async def fill(self, job_id: int, args: Mapping[str, Any]) -> None:
        """One slice of a series. Gives the job back by raising Later, or ends it."""
        progress = await asyncio.to_thread(self._progress, job_id)
        try:
            result = await self.manned.station.work(
                await asyncio.to_thread(self._row, args["series"]),
                jobs.windows_of(args),
                self.settings.worker.slice_seconds * _chance.uniform(_SHORTEST_SLICE, 1.0),
                tried=[_shape(each) for each in progress.tried],
                retry_failed=args["retry_failed"],
                spare=await asyncio.to_thread(spare_units, self.settings, self.engine, job_id),
            )
        except (DatabaseUnreachable, DatabaseFull):
            raise
        except (SeriesBusy, GatewayError) as error:
            raise await self._later(job_id, args, progress, error) from None
        except IngestError as error:
            log.warning("job_failed", because=str(error))
            await self._note(job_id, replace(progress, gateway=self.name, note=str(error)))
            raise JobFailed(str(error), subject=getattr(error, "subject", "")) from error
        await self._after(job_id, args, progress, result)

    async def expand(self, job_id: int, args: Mapping[str, Any]) -> None:
        """A firing → one fill for each of its series that is not complete."""
        expansion = Expansion(self.engine, self.clock, self.manned)
        firing = await asyncio.to_thread(expansion.firing, args["firing"])
        if firing is None:
            log.info("firing_expanded_before", firing=args["firing"])
            return
        progress = await asyncio.to_thread(self._progress, job_id)
        try:
            made = await expansion.resolve(firing)
            doubtful = made.doubtful if progress.rounds + 1 < LOOKUPS else ()
            count = await asyncio.to_thread(expansion.queue, firing, made, is_final=not doubtful)
        except (DatabaseUnreachable, DatabaseFull):
            raise
        except GatewayError as error:
            log.warning("expansion_waits", because=error.message)
            raise Later(self._wall(_GONE), await self._lane(args)) from None
        except Exception as error:
            await asyncio.to_thread(expansion.refuse, firing, error)
            if not isinstance(error, UsageError | RequestError):
                raise
            await self._note(job_id, JobProgress(self.name, note=str(error)))
            raise JobFailed(str(error)) from error
        if doubtful:
            raise await self._look_up_again(job_id, args, progress, doubtful)
        log.info("firing_expanded", due=str(firing.due_at), jobs=count, unmet=len(made.unmet))

    async def _look_up_again(
        self, job_id: int, args: Mapping[str, Any], progress: JobProgress, doubtful: Sequence[Unmet]
    ) -> Later:
        note = f"To be looked up again: {'; '.join(f'{each.symbol}: {each.reason}' for each in doubtful[:_TOLD])}"
        after = FIRST_WAIT * 2**progress.rounds
        log.warning("symbols_looked_up_again", after=str(after), symbols=[each.symbol for each in doubtful])
        await self._note(job_id, replace(progress, gateway=self.name, rounds=progress.rounds + 1, note=note))
        return Later(self._wall(after), await self._lane(args))

    async def conclude(self, job_id: int, args: Mapping[str, Any]) -> None:
        """Export, say how the firing ended, and tell who wants to know.

        One at a time: an export takes minutes and does not give way, and something urgent may have to be expanded.
        """
        from ingest.app.concluding import conclude  # exporting brings in half of pyarrow

        try:
            async with self.clock.deadline(_TURN_SECONDS):
                await self._concluding.acquire()
        except TimeoutError:
            raise Later(self._wall(_GONE)) from None
        try:
            outcome = await asyncio.to_thread(conclude, self.engine, self.settings, self.clock, args["firing"])
        finally:
            self._concluding.release()
        log.info("firing_concluded", firing=args["firing"], **_told(outcome))
        await self.teller.concluded(outcome)

    # -- a slice

    def _progress(self, job_id: int) -> JobProgress:
        with self.engine.connect() as connection:
            return job_listing.read_progress(connection, job_id)

    def _row(self, series_id: int) -> SeriesRow:
        with self.engine.connect() as connection:
            row = series_store.by_id(connection, series_id)
        if row is None:
            raise JobFailed(f"Series {series_id} is not in the database.")
        if row.origin is not self.manned.gateway.origin:
            raise JobFailed(
                f"{row} holds {row.origin} bars, the gateway {self.name} serves {self.manned.gateway.origin} ones.",
                hint="Give the series a gateway of its kind.",
                subject=str(row),
            )
        return row

    async def _after(self, job_id: int, args: Mapping[str, Any], progress: JobProgress, result: SliceResult) -> None:
        policy = RoundPolicy(self.settings.worker.rounds, timedelta(minutes=self.settings.worker.first_wait_minutes))
        self.manned.counts.slices += 1
        self.manned.counts.bars += result.bars
        now = replace(
            progress,
            gateway=self.name,
            slices=progress.slices + 1,
            settled=progress.settled + result.settled,
            remaining=result.end.left_over,
            bars=progress.bars + result.bars,
            tried=tuple(_plain(shape) for shape in sorted(result.tried, key=str)),
            note="",
        )
        match after_slice(policy, progress.rounds, result.end):
            case Done():
                await self._note(job_id, replace(now, tried=()))
                log.info("job_done", series=str(result.end.report.series), bars=now.bars)
            case NextSlice():
                await self._note(job_id, now)
                log.debug("job_gives_way", series=str(result.end.report.series), left_over=now.remaining)
                raise Later(lane=await self._lane(args))
            case NextRound(after=after, note=note):
                await self._note(job_id, replace(now, rounds=progress.rounds + 1, tried=(), note=note))
                log.info("job_waits", series=str(result.end.report.series), after=str(after), because=note)
                raise Later(self._wall(after), await self._lane(args))
            case GivenUp(note=note):
                log.warning("job_failed", series=str(result.end.report.series), because=note)
                await self._note(job_id, replace(now, tried=(), note=note))
                raise JobFailed(note, subject=str(result.end.report.series))

    async def _later(self, job_id: int, args: Mapping[str, Any], progress: JobProgress, error: IngestError) -> Later:
        """The job is not to blame: somebody else is busy with its series, or the gateway is gone."""
        log.info("job_given_back", because=error.message)
        await self._note(job_id, replace(progress, gateway=self.name, note=error.message))
        return Later(self._wall(_BUSY if isinstance(error, SeriesBusy) else _GONE), await self._lane(args))

    async def _lane(self, args: Mapping[str, Any]) -> Lane | None:
        """Where the job goes back to: aside, when its wish has been paused meanwhile."""
        try:
            paused = await asyncio.to_thread(self._paused)
        except DatabaseUnreachable:
            return None
        return Lane.PAUSED if args["wish"] in paused else None

    def _paused(self) -> frozenset[str]:
        with self.engine.connect() as connection:
            return jobs.paused_wishes(connection)

    async def _blame(self, job_id: int, error: Exception) -> str:
        """Note what a job has failed for, where that is not done yet; gives it."""
        if isinstance(error, JobFailed):
            return str(error)
        if isinstance(error, IngestError):
            note = str(error)
            log.warning("job_failed", because=note)
        else:
            note = f"A defect of this program: {error!r}"
            log.error("job_broke", exc_info=error)
        progress = await asyncio.to_thread(self._progress, job_id)
        await self._note(job_id, replace(progress, gateway=self.name, note=note))
        return note

    async def _note(self, job_id: int, progress: JobProgress) -> None:
        await asyncio.to_thread(self._save, job_id, progress)

    def _save(self, job_id: int, progress: JobProgress) -> None:
        with self.engine.begin() as connection:
            job_listing.save_progress(connection, job_id, progress)

    def _wall(self, after: timedelta) -> datetime:
        """When so long will have passed, by the database's clock: it says what is due."""
        return wall_time(self.clock.now() + after, self.clock, self.settings.clock.scale) + self._ahead

    def _see_clock(self) -> None:
        with self.engine.connect() as connection:
            theirs = job_listing.database_now(connection)
        self._ahead = theirs - wall_time(self.clock.now(), self.clock, self.settings.clock.scale)


def _told(done: Conclusion) -> dict[str, Any]:
    """What a conclusion comes to, for the log."""
    told: dict[str, Any] = {"complete": f"{done.complete} of {done.series}", "bars": done.bars}
    counts = {"failed": len(done.failed), "unmet": len(done.unmet), "carried_on": done.carried_on}
    told |= {name: count for name, count in counts.items() if count}
    if done.snapshot is not None:
        told["snapshot"] = done.snapshot.path
    return told | ({"no_snapshot_because": done.export_problem} if done.export_problem else {})


def log_context(**facts: Any) -> Any:
    return structlog.contextvars.bound_contextvars(**facts)


def _shape(plain: tuple[str, str, str, str]) -> Shape:
    end_text, duration, start, end = plain
    return end_text, duration, Window(datetime.fromisoformat(start), datetime.fromisoformat(end))


def _plain(shape: Shape) -> tuple[str, str, str, str]:
    end_text, duration, window = shape
    return end_text, duration, window.start.isoformat(), window.end.isoformat()
