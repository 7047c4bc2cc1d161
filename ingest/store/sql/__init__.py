"""Named SQL statements, one file each, and the one function that quotes an identifier."""

from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text


@cache
def statement(name: str, **identifiers: str) -> TextClause:
    """The statement of `<name>.sql`; `{placeholders}` become quoted identifiers, `:names` are bound by the caller."""
    return text(source(name, **identifiers))


@cache
def source(name: str, **identifiers: str) -> str:
    """The text of `<name>.sql` with its `{placeholders}` filled by quoted identifiers."""
    written = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, identifier in identifiers.items():
        written = written.replace("{" + placeholder + "}", quoted(identifier))
    return written


def quoted(identifier: str) -> str:
    """A name, or `schema.name`, as PostgreSQL takes it. Raises ValueError for one with a zero byte or an empty part."""
    parts = identifier.split(".")
    if not all(parts) or "\0" in identifier:
        raise ValueError(f"{identifier!r} is not an identifier")
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
