"""What a process with a moved clock left behind goes once the process has; nothing else does."""

from pathlib import Path

import pytest

from bench.faults.moved_clock import clear_left, find_libfaketime, moved_environment


def test_what_killed_processes_left_is_removed_and_no_other_file(tmp_path: Path) -> None:
    shared, processes = tmp_path / "shm", tmp_path / "proc"
    (processes / "8").mkdir(parents=True)
    shared.mkdir()
    kept = {"faketime_shm_8", "sem.faketime_sem_8", "faketime_shm_", "faketime_shm_7x", "sem.7"}
    for name in kept | {"faketime_shm_7", "sem.faketime_sem_7"}:
        (shared / name).touch()
    clear_left(shared, processes)
    assert {path.name for path in shared.iterdir()} == kept


@pytest.mark.parametrize(("seconds", "told"), [(3600.0, "+3600"), (-3600.0, "-3600")])
def test_a_process_is_told_by_how_much_and_where_its_own_code_is(seconds: float, told: str) -> None:
    extra = moved_environment(Path("/lib/libfaketime.so.1"), seconds, Path("/code"))
    assert extra["FAKETIME"] == told
    assert extra["PYTHONPATH"].endswith("/moved:/code")


def test_a_library_that_is_not_installed_is_not_found(tmp_path: Path) -> None:
    assert find_libfaketime(tmp_path) is None
    (tmp_path / "here" / "faketime").mkdir(parents=True)
    library = tmp_path / "here" / "faketime" / "libfaketime.so.1"
    library.touch()
    assert find_libfaketime(tmp_path) == library
