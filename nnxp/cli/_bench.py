"""The work of ``nnxp bench``."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nnxp._checks import Words, check_choice, message
from nnxp._files import write_atomic
from nnxp.benchmark import NETS, StepTimes, machine, time_net, time_steps
from nnxp.cli._folder import open_run
from nnxp.cli._threads import use_threads
from nnxp.cli.settings import BenchSettings
from nnxp.device import Device
from nnxp.errors import DeviceError
from nnxp.plotting import check_picture, plot_step_times

__all__ = ["measure"]

# Seconds, for each device and size.
_TIME, _QUICK_TIME = 0.5, 0.1
_BATCH_SIZES, _QUICK_BATCH_SIZES = (32, 128, 512), (32, 256)

Job = Callable[..., StepTimes]


def measure(settings: BenchSettings) -> int:
    """Measure, print, write; return the exit status."""
    use_threads(settings.threads)
    # What can be refused before the work is refused now.
    for option, path in (("--json", settings.json), ("--plot", settings.plot)):
        _check_new(option, path, settings.force)
    if settings.plot is not None:
        check_picture("bench", settings.plot)
    jobs = _jobs(settings)
    devices, missing = _find(settings.devices)
    facts = machine(devices)
    for name, said in (facts["devices"] | missing).items():
        print(f"{name}: {said}", flush=True)
    sizes = settings.batch_sizes or (_QUICK_BATCH_SIZES if settings.quick else _BATCH_SIZES)
    times = StepTimes(())
    for job in jobs:
        part = job(devices=devices, batch_sizes=sizes, seconds=_QUICK_TIME if settings.quick else _TIME)
        print(f"\n{part}", flush=True)
        times += part
    if settings.json is not None:
        found = {**facts, "missing": missing, "advice": times.advice.splitlines(), "steps": times.to_json()}
        write_atomic(settings.json, json.dumps(found, indent=2) + "\n")
    if settings.plot is not None:
        plot_step_times(times, path=settings.plot)
    written = [str(path) for path in (settings.json, settings.plot) if path is not None]
    if written:
        print(f"\nwrote {', '.join(written)}")
    return 0


def _check_new(option: str, path: Path | None, force: bool) -> None:
    if path is None:
        return
    if path.exists() and not force:
        raise ValueError(message("bench", f"{option} to be a new file", str(path), "--force overwrites"))
    if not path.parent.is_dir():
        raise ValueError(message("bench", f"{option} to be in a folder that exists", str(path), "make it first"))


def _jobs(settings: BenchSettings) -> list[Job]:
    """List what is to be timed."""
    if settings.run is not None:
        if settings.nets is not None or settings.widths is not None:
            raise ValueError(message("bench", "either RUN, or --nets and --widths", Words("both")))
        run = open_run("bench", settings.run, "cpu")
        net = run.net
        options: dict[str, Any] = {"input_shape": net.input_shape, "loss": run.goal.loss, "dtype": net.dtype}
        return [partial(time_steps, net.model, name=settings.run.resolve().name, **options)]
    jobs: list[Job] = []
    for name in settings.nets or NETS:
        check_choice("bench", "--nets", name, list(NETS))
        widths = NETS[name].widths[-1:] if settings.quick and settings.widths is None else settings.widths
        jobs.append(partial(time_net, NETS[name], widths=widths))
    return jobs


def _find(names: tuple[str, ...]) -> tuple[list[Device], dict[str, str]]:
    """Return the devices that are there, and for the others the reason; none at all is an error."""
    devices: dict[str, Device] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            device = Device(name)
        except DeviceError as error:
            missing[name], last = f"left out: {getattr(error, 'reason', error)}", error
        else:
            devices.setdefault(device.name, device)
    if not devices:
        raise last
    return list(devices.values()), missing
