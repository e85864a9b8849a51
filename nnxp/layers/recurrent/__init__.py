"""Recurrent layers, which read a sequence step by step, and their cells."""

from nnxp.layers.recurrent.gru import GRU, GRUCell
from nnxp.layers.recurrent.lstm import LSTM, LSTMCell
from nnxp.layers.recurrent.rnn import RNN, RNNCell

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
