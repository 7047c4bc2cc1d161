"""Faults of the whole Gateway at given times: broken farms, a lost connection, the nightly restart, a lost login; and
what becomes of contracts.
"""

from typing import Protocol

from ingest.simulator import farms
from ingest.simulator.faults.catalogue import KNOWN
from ingest.simulator.faults.script import Fault
from ingest.simulator.login import Login
from ingest.simulator.manners.texts import Refusal
from ingest.simulator.pending import Pending


class Gateway(Protocol):
    """The running simulator as far as incidents touch it."""

    @property
    def login(self) -> Login: ...

    @property
    def pending(self) -> Pending: ...

    async def restart(self, seconds: float) -> None:
        """Close every socket, refuse connections for `seconds`, listen again."""
        ...

    def drop_clients(self) -> None:
        """Close every socket."""
        ...


async def play_on_schedule(gateway: Gateway, fault: Fault) -> None:
    """Wait for the fault's time and play it, again and again where it repeats."""
    clock, plan = gateway.login.clock, fault.schedule
    due = clock.now() + plan.after if plan.at is None else plan.at
    while True:
        await clock.sleep(due - clock.now())
        await play(gateway, fault)
        if plan.every is None:
            return
        # An incident longer than its period is not made up for.
        while due <= clock.now():
            due += plan.every


async def play(gateway: Gateway, fault: Fault) -> None:
    """Play one incident from its beginning to its end."""
    login = gateway.login
    login.log.write("incident", action=fault.action, seconds=fault.seconds)
    match fault.action:
        case "farm_down":
            await _farm_down(gateway, fault)
        case "farm_inactive":
            login.broadcast(KNOWN["hmds_farm_inactive"])
        case "connection_lost" | "logout":
            await _connection_lost(gateway, fault)
        case "restart":
            await gateway.restart(fault.seconds)
        case "drop_all":
            gateway.drop_clients()
        case "broadcast":
            login.broadcast(Refusal(fault.code, fault.text))
        case "delisted" | "renamed" | "moved":
            login.listings.change(fault)
        case _:
            raise ValueError(f"{fault.action} happens to requests, not to the Gateway")


async def _farm_down(gateway: Gateway, fault: Fault) -> None:
    login = gateway.login
    login.health.farms_down.add(fault.farm)
    login.broadcast(farms.notice(fault.farm, is_down=True))
    if fault.farm == "hmds":
        gateway.pending.lose_all()
    await login.clock.sleep(fault.seconds)
    login.health.farms_down.discard(fault.farm)
    login.broadcast(farms.notice(fault.farm, is_down=False))


async def _connection_lost(gateway: Gateway, fault: Fault) -> None:
    """1100, silence, and then 1101 or 1102 with the farms behind it. A lost login says even less meanwhile."""
    login, health = gateway.login, gateway.login.health
    health.connected, health.mute, health.spurious_200 = False, fault.action == "logout", fault.spurious_200
    login.broadcast(KNOWN["connection_lost"])
    gateway.pending.lose_all()
    await login.clock.sleep(fault.seconds)
    health.connected, health.mute, health.spurious_200 = True, False, False
    login.broadcast(KNOWN["restored_lost" if fault.restored == 1101 else "restored_kept"])
    for notice in farms.greeting(health):
        login.broadcast(notice)
