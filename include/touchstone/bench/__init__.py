"""Benchmarks of the claims that Touchstone makes about speed.

Each module of this package except `harness`, `fuzz` and `marts` registers one or more benchmarks with
``@benchmark("name")``; `harness.run` finds them. A module named after its benchmark is found without importing the
others.
"""
