"""Where keys stand in a TOML text."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.wishes.positions import Path, Positions

TEXT = '''\
# [universe] in a comment
name = "a # no comment [want]"
description = """
[want]
since = "in a string, \\""" still
"""

[universe] # comment
symbols = [
  "AAPL", 'MSFT',
  # "GONE",
  ["x", "y"], { a = 1, b = 2 },
  "KO",
]
"exchange" = "SMART"
inner.currency = "USD"

[[series]]
bar_size = "1 day"
[[series]]
  bar_size = "1 min"
  what = 'TRADES'

[ want . more ]
since = 2024-01-02
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("description",), 3),
        (("universe",), 8),
        (("universe", "symbols"), 9),
        (("universe", "symbols", 0), 10),
        (("universe", "symbols", 1), 10),
        (("universe", "symbols", 2), 12),
        (("universe", "symbols", 3), 12),
        (("universe", "symbols", 4), 13),
        (("universe", "exchange"), 15),
        (("universe", "inner", "currency"), 16),
        (("series", 0), 18),
        (("series", 0, "bar_size"), 19),
        (("series", 1), 20),
        (("series", 1, "what"), 22),
        (("want", "more", "since"), 25),
        (("want",), 24),
    ],
)
def test_each_key_is_found_in_its_line(path: Path, line: int) -> None:
    tomllib.loads(TEXT)
    assert Positions.of(TEXT).line(path) == line


@pytest.mark.parametrize(
    ("path", "line"), [(("series", 1, "hours"), 20), (("universe", "file"), 8), (("export", "to"), 1), ((), 1)]
)
def test_what_is_not_written_stands_where_it_would_belong(path: Path, line: int) -> None:
    assert Positions.of(TEXT).line(path) == line


_KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
_VALUES = st.sampled_from(
    ["1", "2.5", '"x = 1 # [y]"', "'[z]'", '"""\n[a]\nb = 1\n"""', "[\n1,\n2,\n]", "{ c = 1 }", "2024-01-02", "true"]
)


@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=4), max_size=4))
def test_every_key_of_any_document_is_found(tables: dict[str, dict[str, str]]) -> None:
    lines: list[str] = []
    expected: dict[Path, int] = {}
    for table, values in tables.items():
        expected[(table,)] = len(lines) + 1
        lines.append(f"[{table}]  # a table")
        for key, value in values.items():
            expected[table, key] = len(lines) + 1
            lines += f"{key} = {value}".split("\n")
    text = "\n".join(lines)
    assert tomllib.loads(text).keys() == tables.keys()
    found = Positions.of(text)
    assert {path: found.line(path) for path in expected} == expected
