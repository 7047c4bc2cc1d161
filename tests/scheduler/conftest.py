"""A scene for each test."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.scheduler.scene import Scene


@pytest.fixture
def scene(engine: Engine, tmp_path: Path) -> Scene:
    folder = tmp_path / "jobs"
    folder.mkdir()
    return Scene(engine, folder)
