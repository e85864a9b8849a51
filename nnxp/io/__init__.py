"""Saving and loading: a network in one file, and named arrays in one file."""

from nnxp.io.network import load, read_metadata, save
from nnxp.io.safetensors import read_state_dict, write_state_dict

__all__ = ["load", "read_metadata", "read_state_dict", "save", "write_state_dict"]
