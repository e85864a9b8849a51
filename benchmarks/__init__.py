"""nnxp beside its peers on the same work: same data, same weights, same threads, each in a process of its own.

``python -m benchmarks`` measures what is installed, ``--quick`` with fewer and shorter rounds, and ``--readme`` writes
the tables into README.md. A network is described once (`networks`), a workload says what to do with it (`workloads`),
every peer has a file that does it as its own users would (`peers`), `runner` lets them take turns, and `report`,
`picture` and `readme` say what came out.
"""
