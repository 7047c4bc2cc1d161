"""Commands that run in the process of the tests set up its logs; other tests find them as they were."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
