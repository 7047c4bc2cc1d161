"""What is written down for running it for good: `compose.yaml`, and the units and variables that README.md shows."""

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel
from sqlalchemy.engine import make_url

from ingest.cli.root import app
from ingest.config import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
#: Variables that are no settings: where the file of settings is, and what only these tests read.
OTHERS = {"INGEST_CONFIG", "INGEST_TEST_DATABASE_URL"}
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
    return found


def filled(text: object) -> str:
    """A value as Compose makes it when nothing but what is required is set."""
    return re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", lambda m: m[3] if m[2] == "-" else f"the-{m[1]}", str(text))


def settings_named(text: str) -> set[str]:
    return set(re.findall(r"\bINGEST_[A-Z_]*[A-Z]", text)) - OTHERS


def is_setting(variable: str) -> bool:
    """Whether a variable names a key that `Settings` has: `INGEST_GATEWAY_PORT` is `port` in `gateway`."""
    section, _, key = variable.removeprefix("INGEST_").lower().partition("_")
    field = Settings.model_fields.get(section)
    if field is None or not key:
        return field is not None
    kind = field.annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel) and key in kind.model_fields


def test_compose_holds_no_secret(services: dict[str, Any]) -> None:
    secrets = []
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASS|SECRET|TOKEN|URLS|USERID", name):
                secrets.append(name)
                assert re.fullmatch(r"\$\{\w+:(-|\?set it in \.env)\}", value), f"{name} has to come from outside"
        url = service.get("environment", {}).get("INGEST_DATABASE_URL")
        assert url is None or make_url(url).password is None
    assert {"TWS_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD", "INGEST_NOTIFY_URLS"} <= set(secrets)
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_what_was_set_on_the_gateways_screen_outlives_its_container(services: dict[str, Any]) -> None:
    """Else what IB says comes in another language after each update, and is believed no more."""
    gateway, owner = services["gateway"], services["gateway-settings"]
    (mounted,) = gateway["volumes"]
    volume, _, path = mounted.partition(":")
    assert path == gateway["environment"]["TWS_SETTINGS_PATH"]
    assert owner["volumes"] == [f"{volume}:{owner['entrypoint'][-1]}"]
    assert gateway["depends_on"] == {"gateway-settings": {"condition": "service_completed_successfully"}}


def test_compose_publishes_nothing_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert ports["ingest"]
    assert not ports["db"]
    assert all(str(port).startswith("127.0.0.1:") for listed in ports.values() for port in listed)
    assert not any("network_mode" in service for service in services.values())


def test_compose_sets_what_there_is_to_set(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {name: filled(value) for name, value in services["ingest"]["environment"].items()}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = load_settings()
    assert (found.gateway.host, found.gateway.port) == ("gateway", 4004)
    assert found.health.port == 9464
    assert found.notify.stale_hours == 10
    assert found.database.url.get_secret_value() == "postgresql://ingest@db:5432/ingest"
    assert services["init"]["environment"] == services["ingest"]["environment"]


def test_compose_makes_the_schema_before_it_runs(services: dict[str, Any]) -> None:
    assert services["init"]["command"] == ["init"]
    assert services["ingest"]["command"] == ["run"]
    assert {"init", "run"} <= set(COMMANDS)
    assert services["init"]["depends_on"]["db"]["condition"] == "service_healthy"
    assert services["ingest"]["depends_on"]["init"]["condition"] == "service_completed_successfully"
    assert "healthcheck" in services["db"]


def test_compose_asks_our_own_endpoint_whether_it_is_healthy(services: dict[str, Any]) -> None:
    asked = " ".join(services["ingest"]["healthcheck"]["test"])
    port = services["ingest"]["environment"]["INGEST_HEALTH_PORT"]
    assert f"http://127.0.0.1:{port}/health" in asked
    assert services["ingest"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_is_built_from_what_is_here_and_runs_as_nobody_special(services: dict[str, Any]) -> None:
    lines = services["ingest"]["build"]["dockerfile_inline"].splitlines()
    assert lines[0].startswith("FROM python:3.11")
    assert [line for line in lines if line.startswith("USER")] == ["USER ingest"]
    assert lines.index("USER ingest") > max(n for n, line in enumerate(lines) if line.startswith("RUN"))
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    assert {"pyproject.toml", "README.md", "constraints.txt", "ingest", "migrations", "jobs"} == copied, (
        "a wheel's needs"
    )
    assert all((ROOT / name).exists() for name in copied)
    mounted = [volume.split(":")[1] for volume in services["ingest"]["volumes"]]
    assert mounted == ["/srv/ingest/jobs", "/srv/ingest/snapshots"], "where `run` works and exports to"


def test_the_gateway_can_only_read_and_sends_shares(services: dict[str, Any]) -> None:
    gateway = services["gateway"]
    assert gateway["environment"]["READ_ONLY_API"] == "yes"
    (script,) = gateway["configs"]
    assert script["target"].startswith(f"/home/ibgateway/{gateway['environment']['START_SCRIPTS']}/")
    assert "SendMarketDataInLotsForUSstocks=no" in yaml.safe_load(COMPOSE)["configs"][script["source"]]["content"]


@pytest.mark.parametrize("variable", sorted(settings_named(README) | settings_named(COMPOSE)))
def test_every_variable_that_is_written_down_is_a_setting(variable: str) -> None:
    assert is_setting(variable)


def units() -> Iterator[tuple[str, str]]:
    """The systemd units of the README: name and text."""
    for block in re.findall(r"```ini\n(.*?)```", README, re.DOTALL):
        first, _, text = block.partition("\n")
        if "/systemd/" in first:
            yield Path(first.removeprefix("# ")).name, text


UNITS = dict(units())


def test_the_readme_has_units_for_one_process_and_for_several() -> None:
    assert set(UNITS) == {"ingest-run.service", "ingest-scheduler.service", "ingest-worker@.service"}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_that_there_is(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(UNITS[name])
    assert unit.sections() == ["Unit", "Service", "Install"]
    for key in ("ExecStart", "ExecStartPre"):
        if key not in unit["Service"]:
            continue
        program, command, *options = unit["Service"][key].split()
        assert program == "/opt/ingest/bin/ingest"
        known = {option for each in COMMANDS[command].params for option in each.opts}
        assert {option for option in options if option.startswith("-")} <= known
    assert unit["Service"]["User"] != "root"


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_a_unit_is_what_systemd_takes(name: str, tmp_path: Path) -> None:
    here = tmp_path / name
    here.write_text(UNITS[name].replace("/opt/ingest/bin/ingest", str(Path(sys.executable).with_name("ingest"))))
    asked = tmp_path / name.replace("@.", "@main.")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
