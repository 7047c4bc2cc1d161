"""Settings: `ingest.toml` in the working folder (or at `INGEST_CONFIG`) under `INGEST_*` environment variables.

A variable names section and key: `INGEST_GATEWAY_PORT` is `port` in `[gateway]`. Secrets come from the environment
only: a password in the file is refused, and no secret is ever printed. All problems are reported at once.
"""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ingest.domain.bar_size import BarSize
from ingest.domain.keys import explained, unknown
from ingest.domain.request import Duration
from ingest.errors import SettingsError
from ingest.plan.spans import DEFAULT_SPANS, Spans


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewaySettings(_Section):
    """Where the Gateway is. Ports: IB Gateway 4001 live, 4002 paper; TWS 7496 live, 7497 paper."""

    host: str = "127.0.0.1"
    port: int = Field(4001, ge=1, le=65_535)
    client_id: int = Field(
        71, ge=1, le=2_147_483_600, description="where it is in use, one of the eight above it is taken"
    )
    login: str = Field("default", min_length=1, description="the IB username's nickname; owner of the pacing budget")
    max_server_version: int = Field(200, ge=163, le=225, description="200 speaks text, 213 and up protobuf")
    connect_seconds: float = Field(10.0, gt=0)
    request_seconds: float = Field(120.0, gt=0, description="a request without an end by then is timed out")
    attempts: int = Field(2, ge=1, le=10, description="how often one run asks again after a time-out or hiccup")
    messages_per_second: int = Field(
        30, ge=1, le=50, description="IB hangs up at the third second with more than 50, as it counts on arrival"
    )
    concurrency: int = Field(32, ge=1, le=50, description="historical requests open at most; how many is learned")


class DatabaseSettings(_Section):
    """`url` empty: a private PostgreSQL in the home folder."""

    url: SecretStr = SecretStr("")

    @field_validator("url")
    @classmethod
    def _readable(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            return value
        try:
            backend = make_url(text).get_backend_name()
        except ArgumentError:
            raise ValueError("is not a database URL; write postgresql://user:password@host:5432/name") from None
        if backend not in ("postgresql", "postgres"):
            raise ValueError(f"names {backend}; only PostgreSQL will do")
        return value


class PlanSettings(_Section):
    """`spans`: how much one request asks for, per bar size, e.g. `"1 min" = "7 D"`."""

    spans: dict[str, str] = Field(default_factory=dict)

    @field_validator("spans")
    @classmethod
    def _spans_make_sense(cls, value: dict[str, str]) -> dict[str, str]:
        Spans(_spans(value))
        return value

    @property
    def request_spans(self) -> Spans:
        return Spans(_spans(self.spans))


class ClockSettings(_Section):
    """For runs against a simulator with the same `--time-scale`: how much faster than the wall the clock runs.

    `since`: when it began to, showing the wall's time; without it, when the program starts. `shows` is what it showed
    then instead. Programs that are given the same three have the same time.
    """

    scale: float = Field(1.0, gt=0)
    since: AwareDatetime | None = None
    shows: AwareDatetime | None = None


class WorkerSettings(_Section):
    """How a worker shares out its time. Seconds of a slice are the clock's, those of a heartbeat the wall's."""

    slice_seconds: float = Field(60.0, gt=0, description="a job gives way to others after so long")
    slots: int = Field(12, ge=1, le=64, description="jobs for larger bars worked on at a time")
    small_slots: int = Field(4, ge=1, le=16, description="jobs for bars of 30 s and less, which IB paces hardest")
    small_reserve: int = Field(
        6, ge=0, le=30, description="of sixty small requests in ten minutes, left to jobs of a higher priority"
    )
    heartbeat_seconds: float = Field(
        10.0, gt=0, description="after three without a sign a worker is taken for dead; the same for all at a database"
    )
    rounds: int = Field(5, ge=1, le=20, description="how often a job asks again for what could not be had")
    first_wait_minutes: float = Field(15.0, gt=0, description="before the second round; doubled for each further one")
    keep_days: float = Field(14.0, gt=0, description="how long ended jobs stay listed")


class SchedulerSettings(_Section):
    """`jobs` is the folder of job files; `poll_seconds` how often it is looked at."""

    jobs: Path = Path("jobs")
    poll_seconds: float = Field(5.0, gt=0)


class HealthSettings(_Section):
    """Where `ingest run`, `worker` and `scheduler` answer /health, /ready and /metrics; port 0: nowhere.

    One whose loop has not come round for `hung_seconds` ends itself, to be started anew; 0: never.
    """

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65_535)
    hung_seconds: float = Field(300.0, ge=0)


class NotifySettings(_Section):
    """Who is told. `urls` are apprise's, one a line or separated by blanks; they hold secrets: environment only."""

    urls: SecretStr = SecretStr("")
    digest: bool = True
    failures: bool = True
    gateway: bool = True
    stale_hours: float = Field(0.0, ge=0, description="tell when a universe is so far behind; 0: never")


class Settings(BaseSettings):
    """Everything that can be set. `home` holds what the embedded default keeps."""

    model_config = SettingsConfigDict(
        env_prefix="INGEST_", env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    home: Path = Field(default_factory=lambda: user_data_path("ingest"))
    gateway: GatewaySettings = GatewaySettings()
    gateways: dict[str, GatewaySettings] = Field(default_factory=dict)
    worker: WorkerSettings = WorkerSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    health: HealthSettings = HealthSettings()
    notify: NotifySettings = NotifySettings()
    database: DatabaseSettings = DatabaseSettings()
    plan: PlanSettings = PlanSettings()
    clock: ClockSettings = ClockSettings()

    @property
    def gateway_names(self) -> tuple[str, ...]:
        """The gateways that workers can be for: those of `[gateways]`, else the only one, called by its login."""
        return tuple(self.gateways) or (self.gateway.login,)

    def at(self, name: str) -> Self:
        """These settings with `gateway` being the one of that name. Raises SettingsError where there is none.

        What `[gateways.NAME]` leaves out is as in `[gateway]`, but for the login, which then is the name.
        """
        if name not in self.gateway_names:
            known = ", ".join(self.gateway_names)
            raise SettingsError(f"There is no gateway {name!r}; there is {known}.", hint="Add [gateways.NAME].")
        if name not in self.gateways:
            return self
        own = self.gateways[name]
        given = {key: getattr(own, key) for key in own.model_fields_set}
        merged = self.gateway.model_dump() | {"login": name} | given
        return self.model_copy(update={"gateway": GatewaySettings(**merged)})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment beats the file, which is handed over as keyword arguments."""
        return env_settings, init_settings


class ExactSettings(Settings):
    """Settings that are given whole: neither file nor environment has a say (the demo, benchmarks, tests)."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings() -> Settings:
    """Read file and environment. Raises SettingsError with one line per problem, each naming its key."""
    path = Path(os.environ.get("INGEST_CONFIG", "ingest.toml"))
    values = _file(path)
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [_problem(path, values, each) for each in error.errors()]
        raise SettingsError("; ".join(lines) + ".", hint="Mend the keys named and run it again.") from None


def _file(path: Path) -> dict[str, Any]:
    if not path.exists():
        if "INGEST_CONFIG" in os.environ:
            raise SettingsError(f"INGEST_CONFIG names {path}, which does not exist.", hint="Correct or unset it.")
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.", hint="Correct the file.") from None
    _refuse_secret(path, values)
    return values


def _refuse_secret(path: Path, values: dict[str, Any]) -> None:
    notify = values.get("notify")
    if isinstance(notify, dict) and notify.get("urls"):
        raise SettingsError(
            f"{path}: notify.urls may hold secrets.", hint="Keep them out of files: set INGEST_NOTIFY_URLS instead."
        )
    database = values.get("database")
    url = database.get("url", "") if isinstance(database, dict) else ""
    try:
        password = make_url(url).password if isinstance(url, str) and url else None
    except ArgumentError:
        password = None  # not a URL at all: the settings say so with the key's name
    if password:
        raise SettingsError(
            f"{path}: database.url holds a password.", hint="Keep it out of files: set INGEST_DATABASE_URL instead."
        )


def _problem(path: Path, values: dict[str, Any], error: Any) -> str:
    keys = [str(part) for part in error["loc"]]
    variable = "INGEST_" + "_".join(keys).upper()
    where = variable if variable in os.environ else f"{path}: {'.'.join(keys)}" if values else variable
    if error["type"] == "extra_forbidden":
        return f"{where}: {unknown(keys[-1], _known(keys))}"
    return f"{where}: {explained(error)}"


def _known(keys: list[str]) -> Iterable[str]:
    """The keys that there are where the last of these stands."""
    if len(keys) == 1:
        return Settings.model_fields
    section = GatewaySettings if keys[0] == "gateways" else Settings.model_fields[keys[0]].annotation
    return getattr(section, "model_fields", {})


def _spans(given: dict[str, str]) -> dict[BarSize, Duration]:
    return dict(DEFAULT_SPANS) | {BarSize.parse(size): Duration.parse(span) for size, span in given.items()}
