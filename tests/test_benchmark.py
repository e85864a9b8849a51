"""Timing training steps from Python: what is measured, what is said about it; never how fast."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import CrossEntropyLoss, Embedding, Flatten, Linear, MSELoss, ReLU, Sequential
from nnxp._backend.numpy import NumPyLibrary
from nnxp._backend.strict import StrictLibrary
from nnxp.benchmark import NETS, StandardNet, StepTime, StepTimes, machine, time_net, time_steps
from nnxp.benchmark import memory as gauges
from nnxp.benchmark import steps as clocks
from nnxp.device import Device
from nnxp.errors import DeviceError
from nnxp.network import Network

SMALL = Sequential(Linear(6, 4), Linear(4, 3))


def time_small(devices: Any = ("cpu",), batch_sizes: Any = (2,), **options: Any) -> StepTimes:
    return time_steps(SMALL, devices, batch_sizes, **({"input_shape": (6,), "seconds": 0.0} | options))


def step(device: str, seconds: float, batch_size: int = 32, width: int | None = None, net: str = "net") -> StepTime:
    return StepTime(net, width, batch_size, device, (seconds,) * 5, 1_500_000)


# -- measuring ---------------------------------------------------------------------------------------


def test_every_device_is_timed_at_every_batch_size() -> None:
    times = time_small(["cpu", "strict"], [2, 5], name="small", width=4)
    assert [(s.net, s.width, s.batch_size, s.device) for s in times.steps] == [
        ("small", 4, 2, "cpu"), ("small", 4, 2, "strict:device1"), ("small", 4, 5, "cpu"), ("small", 4, 5, "strict:device1"),
    ]  # fmt: skip
    for s in times.steps:
        assert len(s.blocks) >= 5
        assert min(s.blocks) > 0
        assert s.spread[0] <= s.seconds <= s.spread[1]
        assert s.samples_per_second == pytest.approx(s.batch_size / s.seconds)
    assert times.devices == ["cpu", "strict:device1"]
    assert times.left_out == ()


def test_a_device_named_twice_is_timed_once() -> None:
    assert [s.device for s in time_small(["cpu", Device("cpu")]).steps] == ["cpu"]


def test_a_step_is_a_whole_update_and_the_clock_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    nets: list[Network] = []
    waits: list[int] = []
    build = clocks.Network
    monkeypatch.setattr(clocks, "Network", lambda *a, **k: nets.append(build(*a, **k)) or nets[-1])
    monkeypatch.setattr(NumPyLibrary, "synchronize", lambda self, handle: waits.append(sum(net.step for net in nets)))
    times = time_small()
    # One step to load, two to warm up, then one a block.
    assert [net.step for net in nets] == [1, 2 + len(times.steps[0].blocks)]
    assert waits[-2:] == [waits[-1] - 1, nets[0].step + nets[1].step]


def test_longer_measurements_take_more_blocks_and_longer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def run(self: Any, steps: int) -> float:
        counted.append(steps)
        return 0.01

    monkeypatch.setattr(clocks._Runner, "time", run)
    assert len(time_small(seconds=0.06).steps[0].blocks) == 6
    assert counted[2:] == [1] * 6
    counted.clear()
    assert len(time_small(seconds=3.0).steps[0].blocks) == 15
    assert counted[2:] == [20] * 15


def test_devices_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def run(self: Any, steps: int) -> float:
        order.append(self.device.name)
        return 1.0

    monkeypatch.setattr(clocks._Runner, "time", run)
    time_small(["cpu", "strict"])
    assert order[4:] == ["cpu", "strict:device1"] * 5


@pytest.mark.parametrize(
    ("options", "inputs", "target"),
    [
        ({}, [(7, 6)], "int64 (7,) below 3"),
        ({"loss": MSELoss()}, [(7, 6)], "float32 (7, 3)"),
        ({"x": np.ones((2, 6)), "input_shape": None}, [(7, 6)], "int64 (7,) below 3"),
        ({"x": [[1.0] * 6], "y": [2]}, [(7, 6)], "int64 (7,) below 3"),
    ],
)
def test_batches_are_drawn_or_repeated(
    options: dict[str, Any], inputs: list[Any], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    put = clocks.put_batch
    monkeypatch.setattr(clocks, "put_batch", lambda net, loss, batch: seen.append(batch) or put(net, loss, batch))
    time_small(batch_sizes=[7], **options)
    assert seen
    for x, y, weight in seen:
        assert ([part.shape for part in x], weight) == (inputs, None)
        below = f" below {3 if y.max() < 3 else y.max()}" if y.dtype.kind == "i" else ""
        assert f"{y.dtype} {y.shape}{below}" == target


def test_tokens_and_several_layers_deep_inputs_are_the_users_own() -> None:
    model = Sequential(Embedding(9, 2), Flatten(), Linear(8, 3))
    times = time_steps(model, ["cpu"], [3], x=np.arange(8).reshape(2, 4), seconds=0.0)
    assert len(times.steps) == 1


def test_memory_is_what_the_network_and_its_steps_take() -> None:
    wide = Sequential(Linear(2000, 1000), Linear(1000, 3))
    memory = time_steps(wide, ["cpu"], [2], input_shape=(2000,), seconds=0.0).steps[0].memory
    if memory is None:
        pytest.skip("this system does not tell")
    # Parameters, gradients and Adam's two averages are 4 bytes each.
    assert 0.8 * 32e6 < memory < 3 * 32e6


def test_memory_of_a_gpu_is_what_its_driver_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([900, 700])
    released: list[Any] = []
    monkeypatch.setattr(StrictLibrary, "memory_info", lambda self, handle: (next(free), 1000), raising=False)
    monkeypatch.setattr(StrictLibrary, "release_memory", lambda self, handle: released.append(handle), raising=False)
    device = Device("strict")
    assert gauges.Memory(device).growth() == 200
    assert released == [device.handle]


def test_memory_is_none_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(gauges, "_CLEAR", tmp_path / "none" / "here")
    monkeypatch.setattr(gauges, "_STATUS", tmp_path / "nothing")
    times = time_small()
    assert times.steps[0].memory is None
    assert times.to_json()[0]["memory_bytes"] is None


def test_what_does_not_fit_into_memory_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    build = clocks.Network

    def on_the_cpu_alone(*arguments: Any, device: Device, **named: Any) -> Network:
        if device.name != "cpu":
            raise MemoryError
        return build(*arguments, device=device, **named)

    monkeypatch.setattr(clocks, "Network", on_the_cpu_alone)
    times = time_small(["cpu", "strict"])
    assert [s.device for s in times.steps] == ["cpu"]
    assert times.left_out == ("model, batch 2 on strict:device1: not enough memory",)
    assert times.left_out[0] in str(times)
    with pytest.raises(MemoryError, match="^not even for model, batch 2 on strict:device1$"):
        time_small(["strict"])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: time_small([]), "time_steps: expected at least one device, got none"),
        (lambda: time_small(batch_sizes=[]), "time_steps: expected at least one batch size, got none"),
        (
            lambda: time_small(batch_sizes=[2, 0]),
            "time_steps: expected batch_sizes to be a whole number of at least 1, got 0",
        ),
        (lambda: time_small(seconds=-1.0), "time_steps: expected seconds in [0, inf), got -1.0"),
        (
            lambda: time_small(input_shape=None),
            "time_steps: expected x, or input_shape of whole numbers alone to draw it, got None",
        ),
        (
            lambda: time_small(input_shape=(None,)),
            "time_steps: expected x, or input_shape of whole numbers alone to draw it, got (None,)",
        ),
        (
            lambda: time_steps(ReLU(), ["cpu"], [1], x=(np.ones((1, 2)), np.ones((1, 2)))),
            "time_steps: expected y, since the shape of the output depends on the batch, got None",
        ),
        (
            lambda: time_small(x=np.ones((0, 6))),
            "time_steps: expected at least one sample, got none",
        ),
    ],
)
def test_what_cannot_be_timed_is_refused(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()


def test_a_missing_device_is_an_error() -> None:
    with pytest.raises(DeviceError):
        time_small(["cpu", "nowhere"])


# -- standard nets -----------------------------------------------------------------------------------


def test_a_standard_net_is_timed_by_batch_and_at_the_middle_one_by_width() -> None:
    net = StandardNet("tiny", lambda w: Sequential(Linear(6, w or 1), Linear(w or 1, 3)), (6,), 4, (2, 4, 8))
    times = time_net(net, ["cpu"], [8, 2, 4], seconds=0.0)
    assert [(s.width, s.batch_size) for s in times.steps] == [(4, 8), (4, 2), (4, 4), (2, 4), (8, 4)]
    assert {s.net for s in times.steps} == {"tiny"}
    times = time_net(net, ["cpu"], [2], widths=[3], seconds=0.0, loss=CrossEntropyLoss())
    assert [(s.width, s.batch_size) for s in times.steps] == [(4, 2), (3, 2)]


@pytest.mark.parametrize("name", list(NETS))
def test_the_standard_nets_run_at_every_width(name: str) -> None:
    net = NETS[name]
    for width in {net.width, *net.widths}:
        built = Network(net.build(width), input_shape=net.input_shape, seed=0)
        assert built.output_shape == (10,)
    times = time_net(net, ["cpu"], [1], widths=[8], seconds=0.0)
    assert [s.width for s in times.steps] == ([None] if net.width is None else [net.width, 8])


# -- what is said about it ---------------------------------------------------------------------------


def test_the_table_has_times_speed_memory_and_ratio() -> None:
    fast, slow = (0.001, 0.002, 0.001, 0.001, 0.001), (0.01, 0.02, 0.01, 0.03, 0.01)
    times = StepTimes((StepTime("net", 8, 32, "cpu", slow, 1_500_000), StepTime("net", 8, 32, "cuda:0", fast, None)))
    assert times.ratio(times.steps[0]) == 1
    assert times.ratio(times.steps[1]) == pytest.approx(10)
    head, _, *rows = str(times).splitlines()
    assert re.split(r" {2,}", head.strip()) == [
        "net", "width", "batch", "device", "us per step", "quartiles", "samples/s", "MB", "times cpu's speed",
    ]  # fmt: skip
    assert [re.split(r" {2,}", row.strip()) for row in rows] == [
        ["net", "8", "32", "cpu", "10,000", "10,000 to 20,000", "3,200", "1.5", "1.00"],
        ["net", "8", "32", "cuda:0", "1,000", "1,000 to 1,000", "32,000", "10.00"],
        ["net: cuda:0 pays at every batch"],
    ]
    assert "<td" in times._repr_html_()


def test_plain_values_hold_all_of_it() -> None:
    times = StepTimes((step("cpu", 0.5),)) + StepTimes((step("cuda:0", 0.25),))
    assert json.loads(json.dumps(times.to_json())) == [
        {
            "net": "net", "width": None, "batch_size": 32, "device": device, "seconds": seconds,
            "seconds_quartiles": [seconds, seconds], "samples_per_second": 32 / seconds, "memory_bytes": 1_500_000,
            "times_as_fast": 0.5 / seconds,
        }
        for device, seconds in (("cpu", 0.5), ("cuda:0", 0.25))
    ]  # fmt: skip


def test_there_is_no_ratio_where_the_first_device_has_no_time() -> None:
    times = StepTimes((step("cpu", 1.0), step("cuda:0", 0.1, 64)))
    assert times.ratio(times.steps[1]) is None
    assert times.advice == "net: cuda:0 pays from batch 64 on, below that stay on cpu"


def both(*seconds: tuple[int, float, float], width: int | None = None) -> list[StepTime]:
    """Build steps from (batch, on the CPU, on the GPU)."""
    return [
        s for batch, cpu, gpu in seconds for s in (step("cpu", cpu, batch, width), step("cuda:0", gpu, batch, width))
    ]


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (both((32, 1, 3), (64, 2, 3), (128, 4, 3), (256, 8, 3)), "cuda:0 pays from batch 128 on, below that stay on cpu"),
        (both((32, 1, 3), (64, 2, 3)), "stay on cpu at every batch"),
        (both((32, 4, 3), (64, 8, 3)), "cuda:0 pays at every batch"),
        # Less than a tenth is no reason to move.
        (both((32, 3.2, 3)), "stay on cpu at every batch"),
        (both((32, 4, 3), (64, 1, 3)), "cpu pays from batch 64 on, below that stay on cuda:0"),
        (both((32, 4, 3), (64, 1, 3), (128, 4, 3)), "cuda:0 pays at batch 32, cpu pays at batch 64, cuda:0 pays at batch 128"),
        (
            both((32, 1, 3), (64, 2, 3), width=8) + both((64, 5, 3), width=16),
            "stay on cpu at every batch; at batch 64, cuda:0 pays from width 16 on, below that stay on cpu",
        ),
        (both((32, 1, 3), width=8) + both((32, 1, 3), width=16), "stay on cpu at every batch and width"),
        ([step("cpu", 1.0, 32), step("cpu", 1.5, 64)], "on cpu a batch of 64 trains 43 samples a second"),
        (
            [step("cpu", 1.0, 32), step("cpu", 1.5, 64), step("cpu", 2.9, 128), step("cpu", 6.0, 256)],
            "on cpu a batch of 64 trains 43 samples a second, and larger ones gain less than a tenth",
        ),
    ],
)  # fmt: skip
def test_the_advice_says_which_device_pays_and_from_where_on(steps: list[StepTime], sentence: str) -> None:
    assert StepTimes(tuple(steps)).advice == f"net: {sentence}"


def test_each_net_has_advice_of_its_own() -> None:
    times = StepTimes((step("cpu", 1.0, net="a"), step("cpu", 1.0, net="b")))
    assert [line.partition(":")[0] for line in times.advice.splitlines()] == ["a", "b"]


def test_the_machine_is_described_in_plain_values() -> None:
    facts = json.loads(json.dumps(machine(["cpu", Device("strict")])))
    assert facts.keys() == {"date", "processor", "system", "threads", "devices", "versions"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", facts["date"])
    assert facts["threads"] == nnxp.get_num_threads()
    assert list(facts["devices"]) == ["cpu", "strict:device1"]
    assert all(facts["devices"].values())
    assert facts["versions"]["nnxp"] == nnxp.__version__
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["processor"]
