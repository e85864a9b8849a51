"""How long a training step takes on this machine, device by device, and which device pays."""

from nnxp.benchmark.machine import machine
from nnxp.benchmark.nets import NETS, StandardNet, time_net
from nnxp.benchmark.steps import time_steps
from nnxp.benchmark.times import StepTime, StepTimes

__all__ = ["NETS", "StandardNet", "StepTime", "StepTimes", "machine", "time_net", "time_steps"]
