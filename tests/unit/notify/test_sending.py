"""Getting messages out: to real services on real sockets, patiently, once, and without a word of their addresses."""

import asyncio
import io
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_string

import pytest
import structlog
from pydantic import SecretStr

from ingest.clock import FakeClock
from ingest.config import NotifySettings
from ingest.errors import DatabaseUnreachable, SettingsError
from ingest.notify import Delivery, Kind, Level, Message, Notifier, ProcessMemory, services_of
from tests.unit.notify.receiving import Endpoint, endpoint, mail_server

TROUBLE = Message(Kind.GATEWAY, Level.BAD, "Gateway main needs you", "Log in.", "gateway main", "log in")
BACK = Message(Kind.GATEWAY, Level.GOOD, "Gateway main is back", "Nothing to do.", "gateway main", "back")


@pytest.fixture
def web() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


def settings(*urls: str, **others: object) -> NotifySettings:
    return NotifySettings.model_validate({"urls": SecretStr("\n".join(urls)), **others})


def notifier(*urls: str, **others: object) -> Notifier:
    wishes, clock = settings(*urls, **others), FakeClock()
    return Notifier(services_of(wishes), wishes, ProcessMemory(clock), wall=clock)


async def told(people: Notifier, *messages: Message) -> None:
    for message in messages:
        people.tell(message)
    await people.close()


async def test_a_message_arrives_at_every_service(web: Endpoint) -> None:
    people = notifier(web.url("one"), web.url("two"))
    assert await people.send(TROUBLE) == (Delivery("JSON (json://…) no. 1"), Delivery("JSON (json://…) no. 2"))
    assert len(web.posts) == 2
    first = web.posts[0]
    assert (first["title"], first["message"], first["type"]) == ("Gateway main needs you", "Log in.", "failure")


async def test_a_mail_arrives() -> None:
    with mail_server() as (port, mails):
        people = notifier(f"mailto://127.0.0.1:{port}/?from=ingest@example.org&to=me@example.org&mode=insecure")
        (delivery,) = await people.send(TROUBLE)
    assert delivery == Delivery("E-Mail (mailto://…)")
    mail = message_from_string(mails[0])
    assert mail["To"] == "me@example.org"
    assert mail["Subject"] == "Gateway main needs you"


async def test_a_service_that_hiccups_is_tried_again(web: Endpoint) -> None:
    people = notifier(web.url())
    web.statuses = [500, 503]
    assert [each.was_taken for each in await people.send(TROUBLE)] == [True]
    assert len(web.posts) == 3
    assert isinstance(people.wall, FakeClock)
    assert people.wall.slept == [2, 4], "not at once"


async def test_a_service_that_refuses_is_given_up_and_harms_no_other(web: Endpoint) -> None:
    people = notifier("json://127.0.0.1:1/", web.url())
    web.statuses = [401, 401, 401]
    gone, refused = await people.send(TROUBLE)
    assert (gone.problem, refused.problem) == ("could not be reached", "answered with error 401")
    assert len(web.posts) == 3
    gone, taken = await people.send(TROUBLE)
    assert (gone.was_taken, taken.was_taken) == (False, True)


async def test_nothing_waits_for_a_service_that_hangs(web: Endpoint) -> None:
    people = Notifier(services_of(settings(web.url())), settings(), ProcessMemory(FakeClock()), deadline_seconds=0.2)
    web.hold = threading.Event()
    (delivery,) = await asyncio.wait_for(people.send(TROUBLE), timeout=10)
    assert (delivery.problem, delivery.may_have_arrived) == ("gave no answer in 0.2 s", True)
    assert len(web.posts) == 1, "it may have arrived: no second time"
    hanging = [thread for thread in threading.enumerate() if thread.name == "notification"]
    assert hanging
    assert all(thread.daemon for thread in hanging), "the program may end"


async def test_telling_returns_at_once_and_never_raises(web: Endpoint) -> None:
    web.hold = threading.Event()
    people = notifier(web.url())
    people.tell(TROUBLE)
    assert not web.posts
    web.hold.set()
    await people.close()
    assert len(web.posts) == 1
    await told(notifier("json://127.0.0.1:1/"), TROUBLE)


async def test_the_same_trouble_is_told_once_and_its_end_too(web: Endpoint) -> None:
    people = notifier(web.url())
    await told(people, TROUBLE, TROUBLE)
    assert len(web.posts) == 1
    people.over("gateway main", BACK)
    people.over("gateway main", BACK)
    await told(people, TROUBLE)
    assert [post["title"] for post in web.posts] == [TROUBLE.title, BACK.title, TROUBLE.title]


async def test_troubles_that_take_turns_are_each_told_once(web: Endpoint) -> None:
    people = notifier(web.url())
    other = replace(TROUBLE, title="Gateway main refuses", says="refused")
    await told(people, *[TROUBLE, other] * 5)
    assert [post["title"] for post in web.posts] == [TROUBLE.title, other.title]


async def test_news_that_have_to_lie_apart_wait(web: Endpoint) -> None:
    people = notifier(web.url())
    changed = replace(TROUBLE, says="another", title="another", apart=timedelta(hours=2))
    await told(people, TROUBLE, changed)
    assert len(web.posts) == 1
    assert isinstance(people.memory, ProcessMemory)
    assert isinstance(people.memory.clock, FakeClock)
    people.memory.clock.advance(timedelta(hours=2).total_seconds())
    await told(people, changed)
    assert [post["title"] for post in web.posts] == [TROUBLE.title, "another"]


async def test_an_end_is_no_news_to_who_heard_of_no_trouble(web: Endpoint) -> None:
    people = notifier(web.url())
    people.over("gateway main", BACK)
    await people.close()
    assert not web.posts


async def test_what_nobody_took_is_told_again(web: Endpoint) -> None:
    people = notifier(web.url())
    web.statuses = [500, 500, 500]
    await told(people, TROUBLE, TROUBLE)
    assert len(web.posts) == 4


async def test_whoever_tells_hears_when_nobody_was_told(web: Endpoint) -> None:
    people = notifier(web.url())
    untold: list[str] = []
    web.statuses = [500, 500, 500]
    people.tell(TROUBLE, lambda: untold.append("nobody took it"))
    people.tell(TROUBLE, lambda: untold.append("told"))
    people.tell(TROUBLE, lambda: untold.append("no news"))
    await people.close()
    assert untold == ["nobody took it", "no news"]


async def test_a_day_later_it_is_news_again(web: Endpoint) -> None:
    people = notifier(web.url())
    memory = people.memory
    assert isinstance(memory, ProcessMemory)
    assert isinstance(memory.clock, FakeClock)
    await told(people, TROUBLE)
    memory.clock.advance(timedelta(hours=23).total_seconds())
    await told(people, TROUBLE)
    memory.clock.advance(timedelta(hours=1).total_seconds())
    await told(people, TROUBLE)
    assert len(web.posts) == 2


async def test_without_a_database_it_is_still_told_once(web: Endpoint) -> None:
    class Lost(ProcessMemory):
        def claim(self, topic: str, says: str, again_after: timedelta | None, apart: timedelta) -> bool:
            raise DatabaseUnreachable("Nothing answers at db:5432.")

        def keep(self, topic: str, says: str) -> None:
            raise DatabaseUnreachable("Nothing answers at db:5432.")

    wishes, clock = settings(web.url()), FakeClock()
    people = Notifier(services_of(wishes), wishes, Lost(clock), wall=clock)
    await told(people, TROUBLE, TROUBLE)
    assert len(web.posts) == 1


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        (Kind.DIGEST, {"digest": False}),
        (Kind.FAILURE, {"failures": False}),
        (Kind.GATEWAY, {"gateway": False}),
        (Kind.STALE, {"stale_hours": 0}),
    ],
)
async def test_what_nobody_wants_is_not_sent(web: Endpoint, kind: Kind, off: dict[str, object]) -> None:
    message = Message(kind, Level.NEWS, "title", "body", "topic")
    assert notifier(web.url(), stale_hours=8).cares_for(kind)
    await told(notifier(web.url(), **off), message)
    assert not web.posts


async def test_without_an_address_nothing_happens() -> None:
    people = notifier()
    assert not people.cares_for(Kind.DIGEST)
    people.over("gateway main", BACK)
    await told(people, TROUBLE)
    assert await people.send(TROUBLE) == ()


async def test_a_long_digest_is_split_rather_than_refused(web: Endpoint) -> None:
    (service,) = services_of(settings(web.url()))
    (plugin,) = service._target
    plugin.body_maxlen = 300
    assert not service.send(Message(Kind.DIGEST, Level.NEWS, "title", "one line of a digest\n" * 40, "topic"))
    assert len(web.posts) > 1
    assert all(len(post["message"]) <= 300 for post in web.posts)


SECRET = "h1ddenT0ken"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that Python's logging writes for somebody who wants to see everything."""
    written, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    for logger in (root, logging.getLogger("apprise"), logging.getLogger("urllib3")):
        logger.setLevel(1)
    yield written
    root.removeHandler(handler)
    for logger in (root, logging.getLogger("apprise"), logging.getLogger("urllib3")):
        logger.setLevel(level if logger is root else logging.NOTSET)


async def test_no_log_and_no_error_has_a_word_of_an_address(
    web: Endpoint, logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    address = f"json://user:{SECRET}@127.0.0.1:{web.port}/{SECRET}?-X-Key={SECRET}"
    people = notifier(address, address.replace(str(web.port), "1"))
    web.statuses = [403, 500]
    with structlog.testing.capture_logs() as ours:
        deliveries = await people.send(TROUBLE)
    assert len(ours) == 2
    shown = [*map(str, ours), *map(repr, deliveries), repr(people), logged.getvalue(), *capfd.readouterr()]
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize("bad", [SECRET, f"nosuch://{SECRET}", f"tgram://{SECRET}", f"json://:{SECRET}@", "://"])
def test_an_address_that_nobody_can_read_is_refused_without_being_shown(
    bad: str, logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError) as refusal:
        services_of(settings("json://127.0.0.1/", bad))
    assert str(refusal.value).startswith("Address 2 in INGEST_NOTIFY_URLS is none that apprise can read.")
    assert SECRET not in "".join(
        [str(refusal.value), str(refusal.getrepr(showlocals=False)), logged.getvalue(), *capfd.readouterr()]
    )
