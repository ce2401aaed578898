"""strace's lines are read as they are written."""

from bench.power.trace import read_calls


def escaped(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


FILE = escaped("/d/a")


def test_a_call_has_its_descriptor_its_result_and_its_end() -> None:
    (call,) = read_calls([f'7 100.5 write(9<{FILE}>, "{escaped("ab")}"..., 64) = 64 <0.250000>\n'])
    assert (call.name, call.start, call.end, call.result) == ("write", 100.5, 100.75, 64)
    assert (call.path, call.texts) == ("/d/a", (b"ab",))


def test_an_opened_path_is_the_result_s() -> None:
    line = f'7 1.0 openat(AT_FDCWD<{escaped("/d")}>, "{escaped("a")}", O_CREAT, 0644) = 9<{FILE}>'
    (call,) = read_calls([f"{line} <0.1>"])
    assert (call.path, call.texts) == ("/d/a", (b"a",))
    assert "O_CREAT" in call.flags


def test_a_call_in_two_parts_ends_where_it_is_resumed() -> None:
    calls = read_calls(
        [
            f"8 100.0 fdatasync(9<{FILE}> <unfinished ...>",
            f'7 100.1 write(9<{FILE}>, "{escaped("x")}", 1) = 1 <0.1>',
            "8 100.9 <... fdatasync resumed>) = 0 <0.900000>",
        ]
    )
    assert [(call.name, call.start, call.end) for call in calls] == [
        ("write", 100.1, 100.19999999999999),
        ("fdatasync", 100.0, 100.9),
    ]


def test_what_failed_never_returned_or_is_no_call_is_left_out() -> None:
    lines = [
        f"7 1.0 fdatasync(9<{FILE}>) = -1 EIO (Input/output error) <0.1>",
        f"7 2.0 fdatasync(9<{FILE}> <unfinished ...>",
        "8 3.0 <... write resumed>) = 3 <0.1>",
        "7 4.0 +++ killed by SIGKILL +++",
        "",
    ]
    assert read_calls(lines) == []
