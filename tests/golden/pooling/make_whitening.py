"""Writes whitening.json: whitenings by numpy in float64, after Su et al. 2021 (arXiv 2103.15316).

    python3 make_whitening.py > whitening.json
"""
import json
import sys

import numpy


def whitening(rows, dimensions):
    mean = rows.mean(axis=0)
    covariance = (rows - mean).T @ (rows - mean) / len(rows)
    values, vectors = numpy.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    keep = values >= 1e-9 * values[0]
    kernel = vectors[:, keep] / numpy.sqrt(values[keep])
    signs = numpy.sign(kernel[numpy.abs(kernel).argmax(axis=0), range(kernel.shape[1])])
    kernel = (kernel * signs)[:, :dimensions]
    return mean, kernel, (rows - mean) @ kernel


def main():
    rng = numpy.random.default_rng(8)
    cases = []
    # More rows than dimensions; fewer; a direction without variance; a large common mean.
    for name, rows, dimensions in [
            ("plain", rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)), 6),
            ("first two", rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 3, 2),
            ("fewer rows than dimensions", rng.normal(size=(5, 8)), 4),
            ("flat", numpy.pad(rng.normal(size=(20, 4)), ((0, 0), (0, 1)), constant_values=2), 4),
            ("far from the origin", rng.normal(size=(30, 4)) * [1, 2, 3, 4] + 1000, 4)]:
        rows = rows.astype(numpy.float32).astype(numpy.float64)
        mean, kernel, whitened = whitening(rows, dimensions)
        assert kernel.shape[1] == dimensions
        cases.append({"name": name, "rows": rows.tolist(), "mean": mean.tolist(),
                      "kernel": kernel.tolist(), "whitened": whitened.tolist()})
    json.dump({"made_by": "make_whitening.py",
               "versions": {"python": sys.version.split()[0], "numpy": numpy.__version__},
               "cases": cases}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
