"""One pure function over many files: on a pool of local processes, or on Ray Data across machines.

Results come in the order of the items, whatever the number of workers, so what is written from them is the same bytes.
"""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Literal, TypeVar

from ritornello.errors import ArgumentError, MissingDependencyError

Item = TypeVar("Item")
Result = TypeVar("Result")

Engine = Literal["local", "ray"]
"""Where the work is done."""

_BATCH = 8
"""Items that a local worker is given at once."""

_RAY_BLOCK = 4096
"""Items that are in Ray's store at once; their order is kept from block to block."""


def map_files(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int = 1,
    engine: Engine = "local",
    progress: Callable[[int, int], None] | None = None,
    total: int | None = None,
) -> Iterator[Result]:
    """Yield the function's result of each item, in the order of the items.

    Args:
        function: a pure function; more than one worker and Ray need one that can be pickled, such as one that stands at
            the top of a module.
        items: what to give it, one by one; read as they are needed.
        workers: number of local processes; 1 works in this one. With Ray the most that run at once.
        engine: ``"local"`` or ``"ray"``.
        progress: called with (items done, items in all) after each.
        total: how many items there are; needed for progress if they have no length.

    Raises:
        ArgumentError: if there are fewer workers than one, or the engine is unknown.
        MissingDependencyError: if Ray is asked for and not installed.
    """
    if workers < 1:
        raise ArgumentError(f"{workers} workers cannot work; give 1 or more")
    if total is None and isinstance(items, Sequence):
        total = len(items)
    if engine == "ray":
        results = _on_ray(function, items, workers)
    elif engine != "local":
        raise ArgumentError(f"engine '{engine}' is unknown; use local or ray")
    elif workers == 1:
        results = map(function, items)
    else:
        results = _on_pool(function, items, workers)
    return _counted(results, progress, total)


def _counted(
    results: Iterator[Result], progress: Callable[[int, int], None] | None, total: int | None
) -> Iterator[Result]:
    for done, result in enumerate(results, start=1):
        yield result
        if progress is not None:
            progress(done, max(total or 0, done))


def _on_pool(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    # Processes are spawned: a forked one would inherit the locks of threads that are gone. At most four batches a
    # worker are under way, so neither items nor results pile up.
    iterator = iter(items)
    waiting: deque[Future[list[Result]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            while True:
                while len(waiting) < 4 * workers and (batch := list(itertools.islice(iterator, _BATCH))):
                    waiting.append(pool.submit(_apply, function, batch))
                if not waiting:
                    return
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _apply(function: Callable[[Item], Result], batch: list[Item]) -> list[Result]:
    return [function(item) for item in batch]


def _on_ray(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    try:
        import ray  # type: ignore[import-not-found, unused-ignore]  # an optional extra
    except ImportError:
        raise MissingDependencyError("--engine ray needs Ray: pip install 'ritornello[ray]'") from None

    def work(row: dict[str, Any]) -> dict[str, Any]:
        # Items and results travel as bytes: Ray's tables take no dataclasses.
        return {"index": row["index"], "result": pickle.dumps(function(pickle.loads(row["item"])))}

    if not ray.is_initialized():  # joins the cluster that RAY_ADDRESS names, else starts one on this machine
        ray.init(logging_level="WARNING", log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    iterator = iter(items)
    while block := list(itertools.islice(iterator, _RAY_BLOCK)):
        rows = [{"index": index, "item": pickle.dumps(item)} for index, item in enumerate(block)]
        dataset = ray.data.from_items(rows, override_num_blocks=min(len(rows), 4 * workers))
        mapped = dataset.map(work, compute=ray.data.TaskPoolStrategy(size=workers))
        for index, row in enumerate(mapped.iter_rows()):
            if row["index"] != index:
                raise RuntimeError(f"Ray gave row {row['index']} in place of row {index}")
            yield pickle.loads(row["result"])
