import pytest

from ingest.gateway.connectivity import Change, Connectivity, farm_name


def test_a_new_session_believes_that_everything_works() -> None:
    state = Connectivity()
    assert state.serves_history()
    assert state.is_trusted(0)


@pytest.mark.parametrize("back", [1101, 1102])
def test_the_line_is_lost_with_1100_and_back_with_either_message(back: int) -> None:
    state = Connectivity()
    assert state.note(1100, "lost", 10) is Change.LINE_LOST
    assert not state.serves_history()
    assert state.note(1100, "lost", 11) is Change.NOTHING
    assert state.note(back, "restored", 20) is Change.LINE_RESTORED
    assert state.serves_history()


def test_refusals_are_not_believed_until_the_line_has_settled() -> None:
    state = Connectivity()
    state.note(1100, "lost", 10)
    assert not state.is_trusted(15)
    state.note(1102, "restored", 20)
    assert not state.is_trusted(49)
    assert state.is_trusted(50)


def test_one_broken_history_farm_blocks_nothing_while_another_works() -> None:
    state = Connectivity()
    assert state.note(2106, "HMDS data farm connection is OK:ushmds", 0) is Change.NOTHING
    assert state.note(2105, "HMDS data farm connection is broken:euhmds", 1) is Change.FARM
    assert state.serves_history()
    state.note(2105, "HMDS data farm connection is broken:ushmds", 2)
    assert not state.serves_history()
    assert state.note(2106, "HMDS data farm connection is OK:euhmds", 3) is Change.FARM
    assert state.serves_history()


def test_emptiness_is_not_believed_while_any_history_farm_is_broken_nor_just_after() -> None:
    state = Connectivity()
    assert state.trusts_emptiness(0)
    state.note(2106, "HMDS data farm connection is OK:euhmds", 0)
    state.note(2105, "HMDS data farm connection is broken:ushmds", 1)
    assert (state.serves_history(), state.is_trusted(100), state.trusts_emptiness(100)) == (True, True, False)
    state.note(2106, "HMDS data farm connection is OK:ushmds", 200)
    assert not state.trusts_emptiness(229)
    state.note(2106, "HMDS data farm connection is OK:ushmds", 229)
    assert state.trusts_emptiness(230)


def test_emptiness_is_not_believed_until_the_line_has_settled() -> None:
    state = Connectivity()
    state.note(1100, "lost", 10)
    assert not state.trusts_emptiness(15)
    state.note(1102, "restored", 20)
    assert not state.trusts_emptiness(49)
    assert state.trusts_emptiness(50)


def test_a_sleeping_farm_never_blocks() -> None:
    state = Connectivity()
    state.note(2105, "HMDS data farm connection is broken:ushmds", 0)
    state.note(2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds", 1)
    assert state.serves_history()


def test_a_broken_market_data_farm_does_not_concern_history() -> None:
    state = Connectivity()
    state.note(2103, "Market data farm connection is broken:usbond", 0)
    assert state.serves_history()
    assert state.is_trusted(0)


def test_an_unknown_contract_is_not_believed_while_definitions_are_broken() -> None:
    state = Connectivity()
    state.note(2157, "Sec-def data farm connection is broken:secdefnj", 0)
    assert not state.is_trusted(1)
    state.note(2158, "Sec-def data farm connection is OK:secdefnj", 2)
    assert state.is_trusted(3)


def test_what_only_tws_said_is_lifted_by_any_working_farm_but_1100_is_not() -> None:
    state = Connectivity()
    state.note(2110, "Connectivity between TWS and server is broken.", 0)
    assert not state.serves_history()
    assert state.note(2104, "Market data farm connection is OK:usfarm", 1) is Change.LINE_RESTORED
    state.note(1100, "lost", 2)
    state.note(2104, "Market data farm connection is OK:usfarm", 3)
    assert not state.serves_history()


def test_1100_after_2110_needs_its_own_restoration() -> None:
    state = Connectivity()
    state.note(2110, "broken", 0)
    state.note(1100, "lost", 1)
    state.note(2106, "HMDS data farm connection is OK:ushmds", 2)
    assert not state.serves_history()


@pytest.mark.parametrize("code", [2119, 2174, 10167, 162, 200])
def test_other_messages_change_nothing(code: int) -> None:
    assert Connectivity().note(code, "whatever", 0) is Change.NOTHING


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Market data farm connection is OK:usfarm.nj", "usfarm.nj"),
        ("HMDS data farm connection is inactive but should be available upon demand.ushmds", "ushmds"),
        ("Conexión con la granja rota:euhmds", "euhmds"),
        ("no name at all", ""),
    ],
)
def test_the_farms_name_is_behind_the_last_colon_or_dot(text: str, name: str) -> None:
    assert farm_name(text) == name
