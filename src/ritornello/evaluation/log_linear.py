"""Maximum-likelihood fit of a log-linear choice: the one kind of model that the analysis learns.

McFadden's conditional logit (1974) with a quadratic penalty: among C candidates, each seen through K features, and Q
outputs per candidate, P(c, q) is proportional to exp(x_c . w_q + b_q).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def fit_choice(
    features: NDArray[np.floating],
    chosen: NDArray[np.int64],
    penalty: float,
    outputs: int = 1,
    output: NDArray[np.int64] | None = None,
    sample_weight: FloatArray | None = None,
    towards: FloatArray | None = None,
    iterations: int = 120,
) -> tuple[FloatArray, FloatArray]:
    """Return the weights and biases that make the choices likeliest.

    Args:
        features: ``(n, C, K)``; a candidate whose features are NaN cannot be chosen.
        chosen: ``(n,)`` candidate of each sample, 0..C-1.
        penalty: factor of the squared distance of the weights from `towards`.
        outputs: Q.
        output: ``(n,)`` output of each sample, 0..Q-1; all 0 if not given.
        sample_weight: ``(n,)`` weights, scaled to sum to 1; equal if not given.
        towards: ``(K, Q)`` where the penalty is 0; zeros if not given.
        iterations: most steps of L-BFGS.

    Returns:
        Weights ``(K, Q)`` and biases ``(Q,)``; the first bias is 0.
    """
    from scipy.optimize import minimize

    n, candidates, size = features.shape
    missing = np.isnan(features).any(axis=2)
    seen = np.nan_to_num(features).reshape(n * candidates, size)
    weight = np.full(n, 1 / n) if sample_weight is None else sample_weight / sample_weight.sum()
    target = np.zeros((size, outputs)) if towards is None else towards
    right = chosen * outputs + (0 if output is None else output)
    rows = np.arange(n)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        w, b = parameters[:-outputs].reshape(size, outputs), parameters[-outputs:].copy()
        b[0] = 0.0
        scores = (seen @ w.astype(seen.dtype)).reshape(n, candidates, outputs).astype(np.float64) + b
        scores[missing] = -1e9
        flat = scores.reshape(n, -1)
        flat -= flat.max(axis=1, keepdims=True)
        chance = np.exp(flat)
        chance /= chance.sum(axis=1, keepdims=True)
        value = -(weight * np.log(chance[rows, right] + 1e-12)).sum() + penalty * ((w - target) ** 2).sum()
        chance[rows, right] -= 1
        chance *= weight[:, None]
        slope = seen.T @ chance.reshape(n * candidates, outputs).astype(seen.dtype) + 2 * penalty * (w - target)
        bias_slope = chance.reshape(n, candidates, outputs).sum(axis=(0, 1))
        bias_slope[0] = 0.0
        return float(value), np.concatenate([slope.ravel(), bias_slope]).astype(np.float64)

    start = np.concatenate([target.ravel(), np.zeros(outputs)])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations}).x
    biases = best[-outputs:].copy()
    biases[0] = 0.0
    return best[:-outputs].reshape(size, outputs), biases
