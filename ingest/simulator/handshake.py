"""The server's half of the handshake, done well or, where a fault says so, badly."""

from datetime import datetime

from ingest.simulator.faults.delivery import Delivery, last_words, whole
from ingest.simulator.faults.matching import Incoming
from ingest.simulator.login import Login
from ingest.simulator.wire import answers
from ingest.simulator.wire.framing import Hello, welcome
from ingest.simulator.wire.times import zone
from ingest.simulator.wire.versions import OLDEST

#: How long the second half of a split handshake lets itself be waited for.
_SPLIT_SECONDS = 0.2


def negotiate(login: Login, hello: Hello) -> int:
    """The version both speak; 0 where there is none."""
    version = min(login.options.max_version, hello.most)
    facts = {"offered": f"v{hello.least}..{hello.most}", "options": hello.options, "version": version}
    if version < max(hello.least, OLDEST):
        login.log.write("version_refused", **facts)
        return 0
    login.log.write("handshake", **facts)
    return version


def welcoming(login: Login, version: int) -> Delivery:
    """What is sent in answer to a hello; nothing at all where the handshake stays silent."""
    options = login.options
    local = datetime.fromtimestamp(login.clock.now(), zone(options.time_zone))
    place = options.connection_zone or options.time_zone
    frame = welcome(version, f"{local:%Y%m%d %H:%M:%S} {place}")
    fault = login.faults.hit(Incoming("connect", -1))
    if fault is None:
        return whole(frame)
    login.log.write("fault", action=fault.action, message="connect")
    half = len(frame) // 2
    match fault.action:
        case "silent_handshake":
            return Delivery(())
        case "partial_handshake":
            return whole(frame[:half])
        case "split_handshake":
            return Delivery(((frame[:half], fault.seconds or _SPLIT_SECONDS), (frame[half:], 0.0)))
        case "glued_handshake":
            # A Gateway that does not wait for startApi: what comes behind the handshake is dropped by some clients.
            early = answers.managed_accounts(version, ",".join(options.accounts))
            return whole(frame + early + answers.next_valid_id(version, options.next_valid_id))
        case _:
            return last_words(b"")
