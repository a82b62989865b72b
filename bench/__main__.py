"""`python -m bench [NAME…]`: runs the benchmarks and prints what they found, with the goal beside each figure."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import bench


def main() -> None:
    """Run those named, or all: every module here that has a `run`."""
    names = sys.argv[1:] or [module.name for module in pkgutil.iter_modules(bench.__path__)]
    for name in names:
        if name == "__main__":
            continue
        module = import_module(f"bench.{name}")
        if hasattr(module, "run"):
            for what, figure in module.run():
                print(f"{what:<36} {figure}", flush=True)


main()
