"""The queue: Procrastinate's own tables in a schema of their own, and ours around it (wishes, firings, workers, …).

Procrastinate's schema is taken from the installed package, which is therefore pinned to one minor release. Its
functions name its tables without a schema, so each is given a search path: they then work from any session.
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FUNCTIONS_FIND_THEIR_TABLES = """
DO $$
DECLARE
    found regprocedure;
BEGIN
    FOR found IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'ingest_queue'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = ingest_queue, pg_temp', found);
    END LOOP;
END $$;
"""

# Procrastinate lets a job wait for every earlier one of its lock, also for one that is put aside or is for later, and
# so a series would stand still with it. Here only those that could be claimed now come first. (What is claimed at the
# same instant by another, who saw one more of them due, is left to it: one lock is never held twice.)
_CLAIMED = """
CREATE OR REPLACE FUNCTION ingest_queue.procrastinate_fetch_job_v2(
    target_queue_names character varying[], p_worker_id bigint
)
    RETURNS ingest_queue.procrastinate_jobs
    LANGUAGE plpgsql
    SET search_path = ingest_queue, pg_temp
AS $$
DECLARE
    found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT job.*
        FROM procrastinate_jobs AS job
        WHERE job.status = 'todo'
          AND (target_queue_names IS NULL OR job.queue_name = ANY (target_queue_names))
          AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
          AND NOT EXISTS (
              SELECT
              FROM procrastinate_jobs AS other
              WHERE other.lock = job.lock AND (
                  other.status = 'doing'
                  OR (
                      other.status = 'todo'
                      AND (target_queue_names IS NULL OR other.queue_name = ANY (target_queue_names))
                      AND (other.scheduled_at IS NULL OR other.scheduled_at <= now())
                      AND (other.priority, -other.id) > (job.priority, -job.id)
                  )
              )
          )
        ORDER BY job.priority DESC, job.id ASC
        LIMIT 1
        FOR UPDATE OF job SKIP LOCKED
    )
    UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id
    FROM candidate WHERE procrastinate_jobs.id = candidate.id
    RETURNING procrastinate_jobs.* INTO found_jobs;
    RETURN found_jobs;
EXCEPTION WHEN unique_violation THEN
    RETURN NULL;
END;
$$;
"""

# A job that goes back to its queue (a slice is over, its worker died, a pause ended) is announced like a new one;
# Procrastinate announces only new ones and leaves the others to polling.
_ANNOUNCED = """
CREATE TRIGGER ingest_announce_again
    AFTER UPDATE OF status, queue_name ON ingest_queue.procrastinate_jobs
    FOR EACH ROW WHEN (
        new.status = 'todo'::ingest_queue.procrastinate_job_status
        AND (old.status <> new.status OR old.queue_name <> new.queue_name)
    )
    EXECUTE PROCEDURE ingest_queue.procrastinate_notify_queue_job_inserted_v1();
"""

# A claim asks, for each candidate, for jobs with its lock; Procrastinate has no index that begins with it. And it looks
# through all lanes for the first job of its own, past what is paused: each lane gets an index, which PostgreSQL finds
# only while it knows the lane, that is, without a generic plan.
_INDEXED = """
ALTER FUNCTION ingest_queue.procrastinate_fetch_job_v2(varchar[], bigint) SET plan_cache_mode = force_custom_plan;
CREATE INDEX ingest_jobs_large ON ingest_queue.procrastinate_jobs (priority DESC, id)
    WHERE status = 'todo' AND queue_name = 'large';
CREATE INDEX ingest_jobs_small ON ingest_queue.procrastinate_jobs (priority DESC, id)
    WHERE status = 'todo' AND queue_name = 'small';
CREATE INDEX ingest_jobs_control ON ingest_queue.procrastinate_jobs (priority DESC, id)
    WHERE status = 'todo' AND queue_name = 'control';
CREATE INDEX ingest_jobs_by_lock ON ingest_queue.procrastinate_jobs (lock, priority DESC, id)
    WHERE status IN ('todo', 'doing');
CREATE INDEX ingest_jobs_by_firing ON ingest_queue.procrastinate_jobs ((args ->> 'firing'))
    WHERE status IN ('todo', 'doing');
"""

_OURS = """
CREATE TABLE ingest.wishes (
    name text NOT NULL,
    path text NOT NULL,
    document jsonb NOT NULL,
    next_due timestamptz,
    read_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    CONSTRAINT wishes_pk PRIMARY KEY (name)
);

CREATE TABLE ingest.firings (
    id bigint GENERATED ALWAYS AS IDENTITY,
    wish text NOT NULL,
    due_at timestamptz NOT NULL,
    cause text NOT NULL,
    document jsonb NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT now(),
    expanded_at timestamptz,
    unmet jsonb NOT NULL DEFAULT '[]',
    ended_at timestamptz,
    outcome jsonb,
    CONSTRAINT firings_pk PRIMARY KEY (id),
    CONSTRAINT firings_once UNIQUE (wish, due_at),
    CONSTRAINT firings_cause CHECK (cause IN ('schedule', 'catch_up', 'by_hand'))
);
CREATE INDEX firings_open ON ingest.firings (id) WHERE ended_at IS NULL;

CREATE TABLE ingest.wish_series (
    wish text NOT NULL,
    series_id integer NOT NULL,
    CONSTRAINT wish_series_pk PRIMARY KEY (wish, series_id),
    CONSTRAINT wish_series_series FOREIGN KEY (series_id) REFERENCES ingest.series (id)
);

CREATE TABLE ingest.job_progress (
    job_id bigint NOT NULL,
    gateway text NOT NULL DEFAULT '',
    slices integer NOT NULL DEFAULT 0,
    rounds integer NOT NULL DEFAULT 0,
    settled integer NOT NULL DEFAULT 0,
    remaining integer NOT NULL DEFAULT 0,
    bars bigint NOT NULL DEFAULT 0,
    tried jsonb NOT NULL DEFAULT '[]',
    note text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT job_progress_pk PRIMARY KEY (job_id)
);

CREATE TABLE ingest.pauses (
    scope text NOT NULL,
    name text NOT NULL DEFAULT '',
    paused_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pauses_pk PRIMARY KEY (scope, name),
    CONSTRAINT pauses_scope CHECK (scope IN ('all', 'gateway', 'universe'))
);

CREATE TABLE ingest.workers (
    id bigint GENERATED ALWAYS AS IDENTITY,
    gateway text NOT NULL,
    login text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    state text NOT NULL,
    note text NOT NULL DEFAULT '',
    running integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workers_pk PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    _run("CREATE SCHEMA ingest_queue")
    _run("SET LOCAL search_path TO ingest_queue, pg_catalog")
    _run(SchemaManager.get_schema())
    _run("SET LOCAL search_path TO DEFAULT")
    for each in (_FUNCTIONS_FIND_THEIR_TABLES, _CLAIMED, _ANNOUNCED, _INDEXED, _OURS):
        _run(each)


def _run(statements: str) -> None:
    """As they stand: neither `:` nor `%` means anything."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(statements)
