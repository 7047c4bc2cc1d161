"""Fault scripts: what they may say, whom they hit, and what the client then sees."""

import textwrap

import pytest

from ingest.simulator.faults.matching import FaultMatcher, Incoming
from ingest.simulator.faults.script import Fault, FaultScript, FaultScriptError, Match, parse_script
from ingest.simulator.manners.latency import Latency
from tests.simulator.server.conftest import Start
from tests.simulator.server.raw_client import ask_history, connected, until
from tests.simulator.server.tiny import at


def _script(text: str) -> FaultScript:
    return parse_script(textwrap.dedent(text))


def test_a_script_is_read_into_values() -> None:
    script = _script(
        """
        [[fault]]
        action = "error"
        code = 162
        text = "no"
        match = { message = "historical", symbol = "AAPL", every = 5, window = ["2024-01-02", "2024-01-03T12:00:00Z"] }

        [[fault]]
        action = "silence"
        """
    )
    first = Match("historical", symbol="AAPL", every=5, window=(at("2024-01-02"), at("2024-01-03T12:00:00")))
    assert script.faults == (Fault("error", first, code=162, text="no"), Fault("silence"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[fault]]\naction = 'explode'", "fault 1: unknown action 'explode'"),
        ("[[fault]]\naction = 'silence'\nseconds = 3", "silence does not take seconds"),
        ("[[fault]]\naction = 'error'\ncode = 162", "error needs a code and a text"),
        ("[[fault]]\naction = 'drop'\nmatch = { colour = 'red' }", "match does not know colour"),
        ("[[fault]]\naction = 'drop'\nmatch = { message = 'orders' }", "unknown message 'orders'"),
        ("[[fault]]\naction = 'drop'\nmatch = { window = ['soon', 'later'] }", "'soon' is not an instant"),
        ("[[failure]]\naction = 'drop'", "[[fault]] entries only"),
        ("[[fault", "Expected"),
    ],
)
def test_a_script_that_cannot_mean_anything_is_refused_with_the_word_that_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(FaultScriptError) as caught:
        parse_script(text)
    assert complaint in str(caught.value)


def _hits(match: Match, incoming: list[Incoming]) -> list[bool]:
    matcher = FaultMatcher(FaultScript((Fault("silence", match),)))
    return [matcher.hit(one) is not None for one in incoming]


_REQUEST = Incoming("historical", 1, "AAPL", "STK", "1 min", "TRADES", (100.0, 200.0))


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        (Match(), True),
        (
            Match(symbol="AAPL", bar_size="1 min", what="TRADES", message="historical", sec_type="STK", client_id=1),
            True,
        ),
        (Match(symbol="MSFT"), False),
        (Match(bar_size="1 day"), False),
        (Match(what="BID"), False),
        (Match(message="contract"), False),
        (Match(sec_type="FUT"), False),
        (Match(client_id=2), False),
        (Match(window=(199.0, 300.0)), True),
        (Match(window=(200.0, 300.0)), False),
        (Match(window=(0.0, 100.0)), False),
    ],
)
def test_a_fault_hits_what_fits_everything_it_names(match: Match, *, hits: bool) -> None:
    assert _hits(match, [_REQUEST]) == [hits]


def test_counting_is_over_the_requests_that_fit() -> None:
    other = Incoming("historical", 1, "MSFT")
    assert _hits(Match(symbol="AAPL", nth=2), [other, _REQUEST, other, _REQUEST, _REQUEST]) == [
        False, False, False, True, False,
    ]  # fmt: skip
    assert _hits(Match(every=2), [_REQUEST] * 4) == [False, True, False, True]
    assert _hits(Match(times=2), [_REQUEST] * 3) == [True, True, False]


def test_dice_fall_the_same_way_for_the_same_seed() -> None:
    first, again = (_hits(Match(probability=0.3, seed=7), [_REQUEST] * 200) for _ in range(2))
    assert first == again
    assert 40 < sum(first) < 80
    assert _hits(Match(probability=0.3, seed=8), [_REQUEST] * 200) != first


def test_the_first_fault_of_a_script_wins_and_the_others_still_count() -> None:
    script = FaultScript((Fault("silence", Match(nth=1)), Fault("drop", Match(nth=2))))
    matcher = FaultMatcher(script)
    assert [(fault := matcher.hit(_REQUEST)) and fault.action for _ in range(3)] == ["silence", "drop", None]


async def test_silence_keeps_the_query_open_until_it_is_cancelled(start: Start) -> None:
    started = await start(faults=FaultScript((Fault("silence", Match(nth=1)),)))
    async with connected(started.port) as client:
        ask_history(client, 1)
        ask_history(client, 2)
        assert (await client.fields())[:2] == ["17", "2"]
        await client.fields()
        assert started.simulator.open_requests == 1
        client.send(25, 1, 1)
        assert (await client.fields())[1:3] == ["1", "162"]
    assert started.simulator.open_requests == 0
    assert started.events("fault")[0]["action"] == "silence"


async def test_an_error_is_sent_as_written(start: Start) -> None:
    spanish = "Mensaje de error de los servicios de datos de mercado históricos:invalid step: 1"
    started = await start(faults=FaultScript((Fault("error", code=162, text=spanish),)))
    async with connected(started.port, 200) as client:
        ask_history(client, 1)
        assert (await client.fields())[2:4] == ["162", spanish.replace("ó", "\\u00f3")]
    async with connected(started.port, 225, client_id=2) as client:
        ask_history(client, 1)
        assert (await client.message(204))[4] == [spanish.encode()]


async def test_a_drop_closes_the_socket_and_the_next_connection_is_served(start: Start) -> None:
    started = await start(faults=FaultScript((Fault("drop", Match(nth=1)),)))
    async with connected(started.port, client_id=1) as client:
        ask_history(client, 1)
        assert await client.is_closed()
    await until(lambda: not started.simulator.login.clients)
    async with connected(started.port, client_id=1) as client:
        ask_history(client, 1)
        assert (await client.fields())[:2] == ["17", "1"]


async def test_a_delay_comes_on_top_of_the_latency_and_others_overtake(start: Start) -> None:
    started = await start(faults=FaultScript((Fault("delay", Match(nth=1), seconds=0.1),)), latency=Latency(0, 0))
    async with connected(started.port) as client:
        ask_history(client, 1)
        ask_history(client, 2)
        order = [(await client.next_of(17))[1] for _ in range(2)]
    assert order == ["2", "1"]


@pytest.mark.parametrize("action", ["silence", "error", "delay", "drop"])
async def test_contract_look_ups_can_fail_as_well(start: Start, action: str) -> None:
    fault = Fault(action, Match(message="contract"), code=200, text="gone", seconds=0.05)
    started = await start(faults=FaultScript((fault,)))
    async with connected(started.port) as client:
        client.send(9, 8, 1, 265598, *("",) * 11, 0, "", "", "")
        if action == "drop":
            assert await client.is_closed()
            return
        client.send(49, 1)
        heard = [(await client.fields())[0]]
        if action != "silence":
            heard.append((await client.fields())[0])
    assert heard == {"silence": ["49"], "error": ["4", "49"], "delay": ["49", "10"]}[action]
