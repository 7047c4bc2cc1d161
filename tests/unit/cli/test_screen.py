"""What a command says beside its result."""

import pytest
import structlog

from ingest.cli.screen import configure_logs


def test_a_short_command_tells_what_a_gateway_does_otherwise_and_no_other_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(verbose=False)
    log = structlog.get_logger()
    log.warning("gateway.other_client_id", why="client id 71 is in use, 72 is taken instead")
    log.warning("lesson_lost", because="of nothing")
    (said,) = capsys.readouterr().err.splitlines()
    assert "client id 71 is in use, 72 is taken instead" in said


def test_a_run_tells_all_its_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(verbose=False, running=True)
    structlog.get_logger().warning("lesson_lost", because="of nothing")
    assert "lesson_lost" in capsys.readouterr().err
