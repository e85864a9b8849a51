"""Run the benchmarks: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import json
import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import machine, readme, report
from benchmarks.peers import CONFIGURATIONS
from benchmarks.runner import Outcome, Plan, run_jobs, say, take_turns
from benchmarks.starts import sizes, starts
from benchmarks.workloads import WORKLOADS, Workload

STARTS = "starts"
QUICK = {"seconds": 0.05, "fewest": 3, "most": 3, "jobs": 1}
FULL = {"seconds": 0.2, "fewest": 5, "most": 11, "jobs": 3}


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    columns = list(dict.fromkeys(one.column for one in CONFIGURATIONS.values()))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure nnxp beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, no torch.compile, no series")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*WORKLOADS, STARTS], help="these workloads alone")
    parser.add_argument("--peers", nargs="+", metavar="PEER", choices=columns, help="nnxp and these alone")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="of every process (at most 2)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the results, and a picture beside them")
    parser.add_argument("--readme", action="store_true", help="write the committed results into README.md, and end")
    parser.add_argument("--list", action="store_true", help="name workloads and peers, and end")
    return parser.parse_args(arguments)


def groups(works: list[Workload]) -> list[list[Workload]]:
    """Put the workloads of a series together; every other one stands alone."""
    series: dict[str, list[Workload]] = {}
    for work in works:
        series.setdefault(work.sweep or work.name, []).append(work)
    return list(series.values())


def chosen(work: Workload, options: argparse.Namespace) -> list[str]:
    """Return the configurations that do a workload, are installed and wanted."""
    return [
        name
        for name, one in CONFIGURATIONS.items()
        if one.installed()
        and one.does(work)
        and not (one.slow_start and options.quick)
        and (options.peers is None or one.column in {*options.peers, report.NNXP})
    ]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything that is asked for."""
    plan = Plan(threads=options.threads, **(QUICK if options.quick else FULL))
    results: dict[str, Any] = machine.facts(options.threads) | {"quick": options.quick, "workloads": []}
    for group in groups([work for name, work in WORKLOADS.items() if wanted(name, work, options)]):
        started = time.perf_counter()
        names = chosen(group[0], options)
        outcomes: list[Outcome]
        outcomes = [run_jobs(group[0], names, plan)] if group[0].kind == "job" else take_turns(group, names, plan)
        results["workloads"] += [outcome.as_json() for outcome in outcomes]
        say(f"{group[0].sweep or group[0].name}: {time.perf_counter() - started:.0f} s")
    if options.only is None or STARTS in options.only:
        results["starts"] = starts(2 if options.quick else 7, options.threads)
        results["sizes"] = sizes()
    return results


def wanted(name: str, work: Workload, options: argparse.Namespace) -> bool:
    return name in options.only if options.only else not (options.quick and work.sweep)


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    if options.readme:
        readme.rewrite()
        return
    if options.list:
        print("workloads:", *WORKLOADS, STARTS, "\npeers:", *dict.fromkeys(c.column for c in CONFIGURATIONS.values()))
        return
    results = measure(options)
    print("\n\n".join([readme.heading(results), *report.tables(results), report.left_out(results)]))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")
        if find_spec("matplotlib"):
            from benchmarks.picture import draw

            draw(results, options.out.with_suffix(".svg"))
        else:
            say("no picture: pip install matplotlib")


if __name__ == "__main__":
    main()
