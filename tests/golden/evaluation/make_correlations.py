"""Writes correlations.json: Spearman and Pearson correlations by scipy, with and without ties.

    python3 make_correlations.py > correlations.json
"""
import json
import sys

import numpy
import scipy
from scipy import stats


def main():
    rng = numpy.random.default_rng(4)
    cases = []
    for n, levels in [(2, None), (3, 2), (5, None), (17, 3), (60, None), (60, 2), (200, 6)]:
        x = rng.normal(size=n)
        y = x + rng.normal(size=n)
        if levels is not None:
            edges = numpy.quantile(y, numpy.linspace(0, 1, levels + 1)[1:-1])
            y = numpy.searchsorted(edges, y).astype(float)
            x = numpy.round(x, 1)
        # Offsets and scales at which sums of squares would lose or overflow.
        for offset, scale in [(0.0, 1.0), (1e6, 1.0), (0.0, 1e-200), (0.0, 1e200)]:
            a = numpy.round(x, 6) * scale + offset
            cases.append({"x": a.tolist(), "y": y.tolist(),
                          "spearman": float(stats.spearmanr(a, y).statistic),
                          "pearson": float(stats.pearsonr(a, y).statistic),
                          "ranks": stats.rankdata(a).tolist()})
    json.dump({"made_by": "make_correlations.py",
               "versions": {"python": sys.version.split()[0], "scipy": scipy.__version__,
                            "numpy": numpy.__version__},
               "cases": cases}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
