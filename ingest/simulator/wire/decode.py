"""From a frame's payload to a request, text or protobuf by the table of versions."""

from ingest.simulator.wire.framing import split_id
from ingest.simulator.wire.protobuf_requests import decode_protobuf
from ingest.simulator.wire.requests import MalformedRequest, Request
from ingest.simulator.wire.text_requests import decode_text
from ingest.simulator.wire.versions import REQUEST_PROTOBUF_FROM


def decode(version: int, payload: bytes) -> Request:
    """The request in a payload. A message in the wrong encoding for its version is malformed: a client that does not
    follow the table would be misread by a real Gateway."""
    message_id, is_protobuf, body = split_id(version, payload)
    gate = REQUEST_PROTOBUF_FROM.get(message_id)
    if gate is not None and is_protobuf != (version >= gate):
        wanted = "protobuf" if version >= gate else "text"
        raise MalformedRequest(message_id, f"the message must be {wanted} at server version {version}")
    return decode_protobuf(message_id, body) if is_protobuf else decode_text(version, message_id, body)
