"""Cells of an index: its windows divided by k-means, so that faiss need not compare a query with all of them.

What is kept are centroids and the cell of each window, as plain arrays; the searcher of faiss is put together from them
when it is needed, so no file of another program's format is ever read.

Axes: W windows, D their dimensions.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.index_store import IndexData
from ritornello.motifs.index_windows import KINDS, SingleArray

CELL_WINDOWS = 50_000
"""From so many windows on an index has cells."""

CELLS_SEARCHED = 24
"""Cells that a query looks into."""


def with_cells(data: IndexData, before: IndexData) -> IndexData:
    """Divide the windows into cells if there are many; the cells of an index that has not doubled stay."""
    if importlib.util.find_spec("faiss") is None:
        return data
    centroids, cells = [], []
    for kind in range(len(KINDS)):
        vectors = data.vectors[kind]
        old = before.centroids[kind]
        if len(vectors) < CELL_WINDOWS:
            old = np.zeros((0, vectors.shape[1]), np.float32)
        elif not len(old) or len(vectors) > 2 * len(before.vectors[kind]):
            old = _k_means(vectors)
        centroids.append(old)
        cells.append(_assigned(vectors, old))
    return replace(data, centroids=tuple(centroids), cells=tuple(cells))


def _k_means(vectors: NDArray[np.int8]) -> SingleArray:
    import faiss

    count = int(2 ** np.clip(np.round(np.log2(np.sqrt(len(vectors)))), 6, 11))
    sample = np.random.default_rng(0).choice(len(vectors), min(len(vectors), 40 * count), replace=False)
    sample.sort()
    faiss.omp_set_num_threads(1)  # more threads add in another order: the same index must come out
    means = faiss.Kmeans(
        vectors.shape[1], count, niter=8, seed=1, spherical=False, min_points_per_centroid=1, verbose=False
    )
    means.train(vectors[sample].astype(np.float32))
    centroids: SingleArray = np.asarray(means.centroids, np.float32).reshape(count, -1)
    return centroids


def _assigned(vectors: NDArray[np.int8], centroids: SingleArray) -> NDArray[np.uint16]:
    if not len(centroids):
        return np.zeros(0, np.uint16)
    import faiss

    faiss.omp_set_num_threads(1)
    quantizer = faiss.IndexFlatL2(centroids.shape[1])
    quantizer.add(centroids)
    blocks = [vectors[at : at + 65_536].astype(np.float32) for at in range(0, len(vectors), 65_536)]
    return np.concatenate([quantizer.search(block, 1)[1][:, 0] for block in blocks]).astype(np.uint16)


def searcher_of(data: IndexData, kind: int) -> Any:
    """Return a faiss index over the cells of a kind, or None where all windows are to be compared."""
    cells, centroids, vectors = data.cells[kind], data.centroids[kind], data.vectors[kind]
    if not len(cells) or importlib.util.find_spec("faiss") is None:
        return None
    import faiss

    faiss.omp_set_num_threads(1)
    quantizer = faiss.IndexFlatIP(centroids.shape[1])
    # Without their lengths, long centroids would draw every query.
    quantizer.add(np.ascontiguousarray(centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-6)))
    searcher = faiss.IndexIVFScalarQuantizer(
        quantizer, centroids.shape[1], len(centroids), faiss.ScalarQuantizer.QT_8bit_direct_signed,
        faiss.METRIC_INNER_PRODUCT, False,
    )  # fmt: skip
    searcher.nprobe = CELLS_SEARCHED
    searcher.is_trained = True
    order = np.argsort(cells, kind="stable")
    edges = np.searchsorted(cells[order], np.arange(len(centroids) + 1))
    codes = (vectors.view(np.uint8) ^ np.uint8(128))[order]  # faiss keeps -128 .. 127 as 0 .. 255
    ids = order.astype(np.int64)
    lists: Any = searcher.invlists
    for cell in range(len(centroids)):
        first, last = int(edges[cell]), int(edges[cell + 1])
        if last > first:
            lists.add_entries(cell, last - first, faiss.swig_ptr(ids[first:last]), faiss.swig_ptr(codes[first:last]))
    searcher.ntotal = len(vectors)
    return searcher
