"""Frames as a worker reads them: what it needs of a delivery, one error for all that is wrong."""

import struct
from dataclasses import dataclass, field
from typing import Any

import pytest
from amqp import spec
from amqp.exceptions import AMQPError, UnexpectedFrame
from hypothesis import given
from hypothesis import strategies as st

from workers.amqp_frames import BODY, HEADER, HEARTBEAT, METHOD, Delivery, InboundFrames
from workers.types import Content

MOST = 10


@dataclass
class Link:
    """The parts of a connection and of its one channel."""

    bytes_recv: int = 0
    deliveries: list[Delivery] = field(default_factory=list)
    methods: list[Any] = field(default_factory=list)

    def delivered(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    @property
    def channels(self) -> dict[int, "Link"]:
        return {1: self}

    def method(self, *seen: Any) -> None:
        self.methods.append(seen)

    def frames(self) -> InboundFrames:
        return InboundFrames(self, self.method, MOST)


def short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def deliver(flags: int = 0) -> bytes:
    start = struct.pack(">HH", *spec.Basic.Deliver)
    return start + short(b"tag") + struct.pack(">QB", 7, flags) + short(b"") + short(b"fast")


def header(size: int, flags: int = 0, properties: bytes = b"") -> bytes:
    return struct.pack(">HHQH", 60, 0, size, flags) + properties


def feed(frames: InboundFrames, *payloads: tuple[int, bytes]) -> list[bool]:
    return [frames((kind, 1, payload)) for kind, payload in payloads]


def test_a_delivery_is_gathered_from_its_frames() -> None:
    link = Link()
    both = short(b"a/b") + short(b"utf-8") + b"never looked at"
    done = feed(
        link.frames(),
        (METHOD, deliver(flags=1)),
        (HEARTBEAT, b""),
        (HEADER, header(5, 0xFFF8, both)),
        (BODY, b"abc"),
        (BODY, b"de"),
    )
    assert done == [False, False, False, False, True]
    assert link.deliveries == [Delivery("tag", 7, True, Content(b"a/b", b"utf-8"), b"abcde")]
    assert link.bytes_recv == 5


def test_a_message_without_a_body_or_properties() -> None:
    link = Link()
    assert feed(link.frames(), (METHOD, deliver()), (HEADER, header(0))) == [False, True]
    assert link.deliveries == [Delivery("tag", 7, False, Content(b"", b""), b"")]


def test_encoding_alone_and_more_flags() -> None:
    link = Link()
    more = struct.pack(">HHQHH", 60, 0, 0, 0x4001, 0) + short(b"binary")
    feed(link.frames(), (METHOD, deliver()), (HEADER, more))
    assert link.deliveries[0].content == Content(b"", b"binary")


def test_of_a_large_body_one_byte_too_many_is_kept() -> None:
    link = Link()
    large = (METHOD, deliver()), (HEADER, header(90)), (BODY, b"x" * 8), (BODY, b"y" * 82)
    feed(link.frames(), *large)
    assert link.deliveries[0].body == b"x" * 8 + b"yyy"


def test_other_methods_go_to_py_amqp() -> None:
    link = Link()
    payload = struct.pack(">HH", *spec.Basic.ConsumeOk) + short(b"tag")
    assert feed(link.frames(), (METHOD, payload)) == [True]
    assert link.methods == [(1, spec.Basic.ConsumeOk, payload, None)]


@pytest.mark.parametrize(
    "payloads",
    [
        [(HEADER, header(1))],
        [(BODY, b"x")],
        [(9, b"x")],
        [(METHOD, deliver()), (METHOD, deliver())],
        [(METHOD, deliver()), (BODY, b"x")],
        [(METHOD, deliver()), (HEADER, header(1)), (HEADER, header(1))],
        [(METHOD, deliver()), (HEADER, header(1)), (BODY, b"xx")],
        [(METHOD, deliver()), (HEADER, header(1, 0x8000, b"\xffa"))],
        [(METHOD, deliver()), (HEADER, header(1, 0x0001))],
        [(METHOD, deliver()), (HEADER, b"\0")],
        [(METHOD, deliver()[:9])],
        [(METHOD, b"\0")],
        [(METHOD, struct.pack(">HH", *spec.Basic.Return))],
        [(METHOD, struct.pack(">HH", *spec.Basic.GetOk))],
    ],
)
def test_what_is_no_frame_in_turn_ends_the_connection(payloads: list[tuple[int, bytes]]) -> None:
    link = Link()
    with pytest.raises(UnexpectedFrame):
        feed(link.frames(), *payloads)
    assert link.deliveries == []


@given(st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=40)), max_size=6))
def test_any_bytes_are_a_delivery_or_one_error(payloads: list[tuple[int, bytes]]) -> None:
    frames = Link().frames()
    try:
        feed(frames, (METHOD, deliver()), *payloads)
    except AMQPError:
        return
