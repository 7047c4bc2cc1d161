"""The one function that quotes, and the statements it fills."""

import pytest

from ingest.store.sql import quoted, source


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("bars", '"bars"'),
        ("ingest.bars_intraday", '"ingest"."bars_intraday"'),
        ('x"; DROP TABLE bars; --', '"x""; DROP TABLE bars; --"'),
    ],
)
def test_identifiers_are_quoted_part_by_part(identifier: str, expected: str) -> None:
    assert quoted(identifier) == expected


@pytest.mark.parametrize("identifier", ["", "ingest.", ".bars", "a\0b"])
def test_what_cannot_be_an_identifier_is_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match="is not an identifier"):
        quoted(identifier)


def test_statements_say_on_top_what_they_do_and_take_quoted_names() -> None:
    written = source("spans_with_bars", bars="ingest.bars_daily")
    assert written.startswith("-- Which of several spans")
    assert 'FROM "ingest"."bars_daily" b' in written
    assert "{bars}" not in written
