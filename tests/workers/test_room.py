"""Room for messages: as many as the window says, and a wake-up for who waits."""

import os
import select
import threading

from workers.room import Room
from workers.window import Window


def woken(room: Room) -> bool:
    return bool(select.select([room.reader], [], [], 0)[0])


def test_places_are_taken_and_given_back() -> None:
    room = Room(Window(1))
    assert room.free()
    room.take()
    assert not room.free()
    room.release()
    assert woken(room)
    assert room.free()


def test_what_is_left_is_never_below_nothing() -> None:
    window = Window(2)
    for _ in range(100):
        window.ran(0.001)
    room = Room(window)
    for _ in range(10):
        room.take()
    assert room.left() == window.limit() - 10 > 2
    for _ in range(100):
        window.ran(10.0)
    assert (window.limit(), room.left()) == (2, 0)


def test_nobody_is_woken_who_does_not_wait() -> None:
    room = Room(Window(2))
    room.take()
    assert room.free()
    room.release()
    assert not woken(room)


def test_many_releases_wake_once() -> None:
    room = Room(Window(2))
    for _ in range(50):
        room.take()
    assert not room.free()
    threads = [threading.Thread(target=room.release) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.read(room.reader, 100) == b"\0"
    room.woken()  # again, with nothing there
    assert room.free()
