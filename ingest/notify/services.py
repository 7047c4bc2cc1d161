"""The services that people named as apprise URLs, and one attempt to send through one of them.

Such a URL is a secret as a whole: tokens hide in its path, even in its host. What is shown of a service is what it is
called and the URL's scheme; and because apprise and the HTTP libraries behind it write URLs and answers into their
logs, those loggers are cut off from every handler. Of a failure only its sort comes through, never a service's words.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ingest.config import NotifySettings
from ingest.errors import SettingsError
from ingest.notify.messages import Message

_TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib", "slixmpp", "paho", "gntp")


@dataclass(frozen=True, slots=True)
class Service:
    """One address. `name` is fit to be shown; the address itself is not to be had back."""

    name: str
    _target: Any = field(repr=False)

    def send(self, message: Message) -> str:
        """Send now, waiting for the service. Gives what went wrong, or "" when it took the message."""
        from apprise import NotifyFormat, NotifyType

        try:
            result = self._target.notify(
                body=message.body,
                title=message.title,
                notify_type=NotifyType(message.level.value),
                body_format=NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 - a hundred plugins; their messages may hold the address
            return f"failed with {type(error).__name__}"
        return "" if result else _sort_of_failure(result)


def services_of(settings: NotifySettings) -> tuple[Service, ...]:
    """The services of `INGEST_NOTIFY_URLS`, none when it is empty.

    Raises SettingsError, which says where in the list the first unusable address stands, and no more of it.
    """
    addresses = settings.urls.get_secret_value().split()
    if not addresses:
        return ()
    _mute()
    found = [_target(number, address) for number, address in enumerate(addresses, 1)]
    names = [f"{plugin.service_name} ({address.partition('://')[0].lower()}://…)" for address, plugin, _ in found]
    return tuple(Service(_distinct(names, place), target) for place, (_, _, target) in enumerate(found))


def _target(number: int, address: str) -> tuple[str, Any, Any]:
    """The address, apprise's plugin for it, and what sends through just that one."""
    from apprise import Apprise, AppriseAsset, OverflowMode

    # Without a time limit of its own apprise sends in the thread it is called in, which is ours and has a deadline; its
    # own threads would keep a process alive that wants to end.
    asset = AppriseAsset(app_id="ingest", app_desc="ingest", app_url="", async_mode=False, service_timeout=0)
    plugin = Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if plugin is None:
        raise SettingsError(
            f"Address {number} in INGEST_NOTIFY_URLS is none that apprise can read.",
            hint="Write it as apprise's documentation shows for the service, such as mailto://… or tgram://…, "
            "separated from the others by a blank.",
        )
    if "overflow=" not in address:
        plugin.overflow_mode = OverflowMode.SPLIT  # rather two messages than one that is refused for its length
    target = Apprise(asset=asset)
    target.add(plugin)
    return address, plugin, target


def _distinct(names: list[str], place: int) -> str:
    if Counter(names)[names[place]] == 1:
        return names[place]
    return f"{names[place]} no. {names[: place + 1].count(names[place])}"


def _sort_of_failure(result: Any) -> str:
    words = " ".join(str(entry.message) for each in result for entry in each.logs())
    if code := re.search(r"error[=: ]+(\d{3})\b", words):
        return f"answered with error {code[1]}"
    return "could not be reached" if "onnection error" in words else "did not take it"


def _mute() -> None:
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())  # or Python's handler of last resort would print warnings
