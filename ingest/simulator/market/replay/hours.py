"""The sessions of a recorded contract: its venue's, and room for every bar that the venue's calendar knows nothing of.

A calendar may be wrong and a recording may come from elsewhere; a bar that fell between two sessions would be lost
without a word. So its date gets a session, or the session of its date is stretched.
"""

import numpy as np
import pandas as pd

from ingest.simulator.market.arrays import Ints
from ingest.simulator.market.grid import runs
from ingest.simulator.market.timetable import DAY_SECONDS, Timetable, Venue, seconds_of, timetable, usual, zone_of


def with_days(venue: Venue, day: Ints) -> Timetable:
    """The venue's sessions, and usual hours on those of these days that have none."""
    known = timetable(venue)
    missing = np.setdiff1d(day, known.day)
    return _together(known, usual(venue, missing)) if len(missing) else known


def with_bars(known: Timetable, venue: Venue, start: Ints, seconds: int) -> Timetable:
    """The sessions, stretched or joined by others until every bar that starts at `start` (ascending) lies in one."""
    session = np.searchsorted(known.edges[:, 0], start, side="right") - 1
    astray = start[(session < 0) | (start >= known.edges[session, 3])]
    if len(astray) == 0:
        return known
    date = _local_date(astray, venue)
    begin = runs(date)
    last = np.append(begin[1:], len(date)) - 1
    days, opens, closes = date[begin], astray[begin], astray[last] + seconds
    place = np.minimum(np.searchsorted(known.day, days), len(known.day) - 1)
    there = known.day[place] == days
    edges = known.edges.copy()
    edges[place[there], 0] = np.minimum(edges[place[there], 0], opens[there])
    edges[place[there], 3] = np.maximum(edges[place[there], 3], closes[there])
    added = np.stack([opens, opens, closes, closes], axis=1)[~there]
    table = _together(Timetable(known.day, edges), Timetable(days[~there], added))
    table.edges[:-1, 3] = np.minimum(table.edges[:-1, 3], table.edges[1:, 0])
    return table


def _local_date(instant: Ints, venue: Venue) -> Ints:
    local = pd.DatetimeIndex(instant.astype("datetime64[s]")).tz_localize("UTC").tz_convert(zone_of(venue))
    midnight = pd.DatetimeIndex(local.tz_localize(None)).tz_localize("UTC")
    return seconds_of(midnight) // DAY_SECONDS


def _together(one: Timetable, two: Timetable) -> Timetable:
    day = np.concatenate([one.day, two.day])
    order = np.argsort(day, kind="stable")
    return Timetable(day[order], np.concatenate([one.edges, two.edges])[order])
