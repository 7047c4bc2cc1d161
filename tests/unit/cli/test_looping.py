"""The loop of a command."""

from ingest.cli.looping import run_async


class Large:
    """Something whose text takes seconds to make."""

    texts = 0

    def __repr__(self) -> str:
        self.texts += 1
        return "very long"


async def large() -> Large:
    return Large()


def test_a_result_is_given_without_making_its_text() -> None:
    assert run_async(large()).texts == 0
