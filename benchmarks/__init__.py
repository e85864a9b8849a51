"""nnxp beside its peers on the same work, each in a process of its own, as ratios.

``python -m benchmarks`` runs everything that is installed and prints Markdown tables;
``python -m benchmarks --quick`` does the same with fewer rounds.
"""
