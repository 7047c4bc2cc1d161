"""A post as others see it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.app.serving.post import Post
from ingest.app.serving.telling import Silence
from ingest.clock import SystemClock
from ingest.config import ExactSettings
from ingest.fetch import Breaker
from ingest.store import posts


async def test_a_post_that_drains_signs_no_more_often_than_before(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It did as often as it could, for the minutes that its last requests took."""
    signs, sign = 0, posts.sign

    def counted(*given: Any) -> bool:
        nonlocal signs
        signs += 1
        return sign(*given)

    monkeypatch.setattr(posts, "sign", counted)
    gate: Any = SimpleNamespace(share_open=lambda _processes: None)
    post = Post("main", ExactSettings(home=tmp_path), engine, SystemClock(), gate, Silence())
    post.stop()
    signing = asyncio.create_task(post._sign())
    await asyncio.sleep(0.5)
    signing.cancel()
    await asyncio.gather(signing, return_exceptions=True)
    assert signs == 1


@dataclass(frozen=True, slots=True)
class Hearing(Silence):
    """Somebody who is told that a gateway is back."""

    back: list[str] = field(default_factory=list)

    async def gateway_back(self, gateway: str) -> None:
        self.back.append(gateway)


async def test_a_gateway_that_was_silent_is_back_when_it_answers_not_when_its_session_begins_anew(
    engine: Engine, tmp_path: Path
) -> None:
    gate: Any = SimpleNamespace(share_open=lambda _processes: None)
    teller = Hearing()
    post = Post("main", ExactSettings(home=tmp_path), engine, SystemClock(), gate, teller)
    post._silent_since = post.since
    anew: Any = SimpleNamespace(station=SimpleNamespace(fetcher=SimpleNamespace(breaker=Breaker())))
    await post._see_answers(anew)
    assert teller.back == []
    anew.station.fetcher.breaker.answered()
    await post._see_answers(anew)
    await post._see_answers(anew)
    assert teller.back == ["main"]
