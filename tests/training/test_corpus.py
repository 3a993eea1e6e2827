from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import pytest

from ritornello.errors import ArgumentError, MissingDependencyError
from ritornello.training.corpus import map_files


def square(number: int) -> int:
    return number * number


def process(_item: int) -> int:
    return os.getpid()


def complain(number: int) -> int:
    if number == 13:
        raise ArgumentError("13 brings bad luck")
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(map_files(square, range(100), workers=workers)) == [number * number for number in range(100)]


def test_two_workers_are_other_processes() -> None:
    assert os.getpid() not in map_files(process, range(20), workers=2)
    assert set(map_files(process, range(20), workers=1)) == {os.getpid()}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_reaches_the_caller(workers: int) -> None:
    with pytest.raises(ArgumentError, match="bad luck"):
        list(map_files(complain, range(40), workers=workers))


@pytest.mark.parametrize("workers", [1, 2])
def test_items_are_read_as_they_are_needed(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    results = map_files(square, items(), workers=workers)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(taken) <= 200


def test_progress_counts_each_item() -> None:
    calls: list[tuple[int, int]] = []
    list(map_files(square, range(5), progress=lambda done, total: calls.append((done, total))))
    assert calls == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    calls.clear()
    list(map_files(square, iter(range(3)), progress=lambda done, total: calls.append((done, total)), total=3))
    assert calls[-1] == (3, 3)


def test_no_items_give_no_results() -> None:
    assert list(map_files(square, [], workers=2)) == []


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="0 workers"):
        map_files(square, [1], workers=0)
    with pytest.raises(ArgumentError, match="local or ray"):
        map_files(square, [1], engine="spark")  # type: ignore[arg-type]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_ray_that_is_missing_is_named_with_its_command() -> None:
    with pytest.raises(MissingDependencyError, match=r"pip install 'ritornello\[ray\]'"):
        list(map_files(square, [1], engine="ray"))


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is not installed")
def test_ray_gives_the_same_results() -> None:
    assert list(map_files(square, range(50), engine="ray", workers=2)) == [number * number for number in range(50)]
