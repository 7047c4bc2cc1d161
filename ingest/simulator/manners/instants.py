"""endDateTime as clients write it: empty for now, a wall time with or without a zone, or UTC with a dash."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfoNotFoundError

from ingest.simulator.manners.texts import BAD_END, Refusal
from ingest.simulator.wire.times import zone

_DASHED = re.compile(r"(\d{8})-(\d\d):(\d\d):(\d\d)Z?")
_SPACED = re.compile(r"(?:(\d{8}) {1,2})?(\d\d):(\d\d):(\d\d)(?: (\S.*))?")


@dataclass(frozen=True, slots=True)
class End:
    """The instant, and whether its zone was guessed (which earns warning 2174)."""

    instant: float
    zone_implied: bool = False


def parse_end(text: str, now: float, local_zone: str) -> End | Refusal:
    """The end of a request. A missing date is today's, a missing zone is the Gateway's own."""
    if not text:
        return End(now)
    dashed, spaced = _DASHED.fullmatch(text), _SPACED.fullmatch(text)
    try:
        if dashed:
            return End(_parse("".join(dashed.groups()), UTC))
        if spaced:
            return _wall_time(spaced, now, local_zone)
    except (ValueError, ZoneInfoNotFoundError, IsADirectoryError):
        # IsADirectoryError: "US" names a folder of the tz database
        return BAD_END
    return BAD_END


def _wall_time(match: re.Match[str], now: float, local_zone: str) -> End:
    day, hour, minute, second, zone_name = match.groups()
    where = zone(zone_name or local_zone)
    day = day or f"{datetime.fromtimestamp(now, where):%Y%m%d}"
    return End(_parse(f"{day}{hour}{minute}{second}", where), zone_implied=zone_name is None)


def _parse(digits: str, where: tzinfo) -> float:
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=where).timestamp()
