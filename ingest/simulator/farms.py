"""IB's data farms and the notices about them."""

from ingest.simulator.faults.catalogue import KNOWN
from ingest.simulator.login import Health
from ingest.simulator.manners.texts import Refusal

FARMS = ("market", "hmds", "secdef")

_BROKEN = {farm: KNOWN[f"{farm}_farm_broken"] for farm in FARMS}
_OK = {farm: KNOWN[f"{farm}_farm_ok"] for farm in FARMS}


def notice(farm: str, *, is_down: bool) -> Refusal:
    return _BROKEN[farm] if is_down else _OK[farm]


def greeting(health: Health) -> list[Refusal]:
    """What a client is told of the farms right after it has started."""
    if not health.connected:
        return [KNOWN["connection_lost"]]
    return [notice(farm, is_down=farm in health.farms_down) for farm in FARMS]
