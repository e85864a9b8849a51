"""RNN, LSTM, GRU and their cells; batch_first=False and states are in tests/test_layers_recurrent.py."""

from __future__ import annotations

from typing import Any

from nnxp.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from tests import oracles_recurrent as o
from tests.layer_cases.case import Case
from tests.layer_cases.joined import Joined


def alone(module: Any) -> Any:
    """Let a PyTorch module return its output without the states."""
    forward = module.forward
    module.forward = lambda x: forward(x)[0]
    return module


def joined(t: Any, cell: Any) -> Any:
    """Put the outputs of a PyTorch module side by side."""
    module = t.nn.ModuleDict({"layer": cell})
    module.forward = lambda x: t.cat(cell(x), -1)
    return module


ONE = {"return_state": False}
TWO = ONE | {"num_layers": 2, "bidirectional": True}
THEIRS = {"batch_first": True}
THEIR_TWO = {"num_layers": 2, "bidirectional": True, "batch_first": True}
DROP = ONE | {"num_layers": 3, "dropout": 0.4}

CASES = [
    Case("rnn", RNN(3, 4, **ONE), (2, 3, 3), o.output, lambda t: alone(t.nn.RNN(3, 4, **THEIRS))),
    Case("rnn_relu", RNN(3, 4, nonlinearity="relu", **ONE), (2, 3, 3), o.output,
         lambda t: alone(t.nn.RNN(3, 4, nonlinearity="relu", **THEIRS))),
    Case("rnn_two", RNN(3, 2, **TWO), (2, 3, 3), o.output, lambda t: alone(t.nn.RNN(3, 2, **THEIR_TWO))),
    Case("rnn_dropout", RNN(3, 2, **DROP), (2, 3, 3), o.output_in_training, training=True),
    Case("lstm", LSTM(3, 4, **ONE), (2, 3, 3), o.output, lambda t: alone(t.nn.LSTM(3, 4, **THEIRS))),
    Case("lstm_inferred", LSTM(None, 2, **ONE), (2, 3, 4), o.output, lambda t: alone(t.nn.LSTM(4, 2, **THEIRS))),
    Case("lstm_no_bias", LSTM(3, 2, bias=False, **ONE), (2, 3, 3), o.output,
         lambda t: alone(t.nn.LSTM(3, 2, bias=False, **THEIRS))),
    Case("lstm_two", LSTM(3, 2, **TWO), (2, 3, 3), o.output, lambda t: alone(t.nn.LSTM(3, 2, **THEIR_TWO))),
    Case("lstm_dropout", LSTM(3, 2, **DROP), (2, 3, 3), o.output_in_training, training=True),
    Case("gru", GRU(3, 4, **ONE), (2, 3, 3), o.output, lambda t: alone(t.nn.GRU(3, 4, **THEIRS))),
    Case("gru_no_bias", GRU(3, 2, bias=False, **ONE), (2, 3, 3), o.output,
         lambda t: alone(t.nn.GRU(3, 2, bias=False, **THEIRS))),
    Case("gru_two", GRU(3, 2, **TWO), (2, 3, 3), o.output, lambda t: alone(t.nn.GRU(3, 2, **THEIR_TWO))),
    Case("gru_dropout", GRU(3, 2, **DROP), (2, 3, 3), o.output_in_training, training=True),
    Case("rnn_cell", RNNCell(3, 4), (3, 3), o.cell, lambda t: t.nn.RNNCell(3, 4)),
    Case("rnn_cell_relu", RNNCell(3, 4, nonlinearity="relu"), (3, 3), o.cell,
         lambda t: t.nn.RNNCell(3, 4, nonlinearity="relu")),
    Case("lstm_cell", Joined(LSTMCell(3, 2), 2), (3, 3), o.joined_cell, lambda t: joined(t, t.nn.LSTMCell(3, 2)),
         no_repr="a container of the tests"),
    Case("gru_cell", GRUCell(3, 4), (3, 3), o.cell, lambda t: t.nn.GRUCell(3, 4)),
    Case("gru_cell_no_bias", GRUCell(None, 2, bias=False), (3, 4), o.cell, lambda t: t.nn.GRUCell(4, 2, bias=False)),
]  # fmt: skip
