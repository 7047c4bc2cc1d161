import random

import pytest

from ingest.gateway.frames import (
    MAX_PAYLOAD,
    ForbiddenMessage,
    FrameBuffer,
    FrameTooLarge,
    check_read_only,
    split_payload,
)


def framed(*payloads: bytes) -> bytes:
    return b"".join(len(one).to_bytes(4, "big") + one for one in payloads)


def test_frames_come_out_whole_however_the_stream_is_cut() -> None:
    payloads = [b"", b"a", b"x" * 4096, b"y" * 8192, b"z" * 100_000, b"end"]
    stream = framed(*payloads)
    cuts = random.Random(7)
    for _ in range(20):
        buffer, found, at = FrameBuffer(), [], 0
        while at < len(stream):
            step = cuts.choice([1, 3, 4, 5, 4096, 10_000])
            buffer.feed(stream[at : at + step])
            found += list(buffer.payloads())
            at += step
        assert found == payloads


def test_frames_come_out_whole_byte_by_byte() -> None:
    buffer, found = FrameBuffer(), []
    for byte in framed(b"one", b"", b"three"):
        buffer.feed(bytes([byte]))
        found += list(buffer.payloads())
    assert found == [b"one", b"", b"three"]


def test_a_burst_of_whole_frames_leaves_nothing_behind() -> None:
    buffer = FrameBuffer()
    buffer.feed(framed(*[b"x" * 4092] * 18))
    assert len(list(buffer.payloads())) == 18
    assert buffer.head == b""


def test_the_largest_frame_passes_and_one_byte_more_is_refused() -> None:
    buffer = FrameBuffer()
    buffer.feed(framed(b"x" * MAX_PAYLOAD))
    assert len(next(buffer.payloads())) == MAX_PAYLOAD
    buffer.feed((MAX_PAYLOAD + 1).to_bytes(4, "big"))
    with pytest.raises(FrameTooLarge, match="16,777,216 bytes"):
        buffer.next()


@pytest.mark.parametrize(
    ("payload", "version", "found"),
    [
        (b"17\0001001\0", 200, (17, b"1001\0")),
        (b"\0\0\0\x11" + b"1001\0", 206, (17, b"1001\0")),
        (b"\0\0\0\xd9\x08\x01", 225, (217, b"\x08\x01")),
    ],
)
def test_the_message_id_is_text_up_to_200_and_binary_from_201(
    payload: bytes, version: int, found: tuple[int, bytes]
) -> None:
    assert split_payload(payload, version) == found


@pytest.mark.parametrize(("payload", "version"), [(b"", 200), (b"17", 200), (b"x\0", 200), (b"\0\0\0", 201)])
def test_a_payload_without_a_message_id_is_refused(payload: bytes, version: int) -> None:
    with pytest.raises(ValueError, match="message id"):
        split_payload(payload, version)


@pytest.mark.parametrize("message_id", [3, 4, 58, 21, 1, 8, 14, 19, 61, 97, 109])
def test_what_is_not_on_the_list_may_not_leave(message_id: int) -> None:
    for frame, version in [
        (framed(f"{message_id}\0".encode()), 200),
        (framed(message_id.to_bytes(4, "big")), 205),
        (framed((200 + message_id).to_bytes(4, "big")), 225),
    ]:
        with pytest.raises(ForbiddenMessage, match="only reads"):
            check_read_only(frame, version)


def test_two_messages_in_one_frame_of_bytes_may_not_leave() -> None:
    allowed = framed(b"49\0001\0")
    assert check_read_only(allowed, 200) == 49
    with pytest.raises(ForbiddenMessage, match="exactly one message"):
        check_read_only(allowed + framed(b"3\0"), 200)


def test_an_unreadable_frame_may_not_leave() -> None:
    with pytest.raises(ForbiddenMessage, match="cannot be read"):
        check_read_only(framed(b"nonsense"), 200)
