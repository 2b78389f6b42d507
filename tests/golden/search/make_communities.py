"""Writes communities.json: sets of vectors and what sentence-transformers' community_detection
makes of them on the CPU. The vectors are rounded to two decimals; thresholds keep clear of every
cosine, so that the order of float32 sums cannot decide.

    python3 make_communities.py > communities.json
"""
import json
import sys

import numpy
import sentence_transformers
import torch
from sentence_transformers.util import community_detection


def clustered(rng, num_clusters, rows_each, size, spread):
    centres = rng.normal(size=(num_clusters, size))
    rows = numpy.concatenate(
        [c + spread * rng.normal(size=(rows_each + 3 * i, size)) for i, c in enumerate(centres)])
    return numpy.round(rng.permutation(rows), 2)


def clear_threshold(rows, wanted):
    """The threshold nearest to `wanted` in the widest gap between cosines thereabouts."""
    unit = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
    cosines = numpy.sort((unit @ unit.T)[numpy.triu_indices(len(rows), 1)])
    near = cosines[(cosines > wanted - 0.02) & (cosines < wanted + 0.02)]
    gaps = numpy.diff(near)
    at = int(numpy.argmax(gaps))
    assert gaps[at] > 1e-5
    return float(numpy.float32((near[at] + near[at + 1]) / 2))


def main():
    rng = numpy.random.default_rng(20)
    cases = []
    for num_clusters, rows_each, size, spread, wanted, minimum in [
            (4, 12, 8, 0.3, 0.8, 5), (5, 4, 6, 0.6, 0.7, 3), (3, 20, 12, 0.8, 0.5, 10),
            (2, 10, 5, 0.5, 0.9, 2), (6, 5, 10, 0.4, 0.6, 1)]:
        rows = clustered(rng, num_clusters, rows_each, size, spread)
        threshold = clear_threshold(rows, wanted)
        communities = community_detection(torch.tensor(rows, dtype=torch.float32),
                                          threshold=threshold, min_community_size=minimum)
        cases.append({"threshold": threshold, "min_community_size": minimum,
                      "rows": rows.tolist(),
                      "communities": [[int(i) for i in c] for c in communities]})
    json.dump({"made_by": "make_communities.py",
               "versions": {"python": sys.version.split()[0],
                            "sentence-transformers": sentence_transformers.__version__,
                            "torch": torch.__version__, "numpy": numpy.__version__},
               "cases": cases}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
