"""Malformed safetensors files, each with the sentence that must meet it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DTYPES = "F64, F32, F16, C64, I64, I32, I16, I8, U64, U32, U16, U8, BOOL"
FOREIGN = "; this is no safetensors file"
# The words in brackets are the library's, and change with its version.
DAMAGED = "expected a sound safetensors file, got 'a damaged one ("


@dataclass(frozen=True)
class Attack:
    """A file's bytes, and what the error says after the name of the file; it may stop at a bracket."""

    name: str
    content: bytes
    sentence: str


def pack(header: Any, data: bytes = b"") -> bytes:
    """Put a header, as a value or as bytes, before the data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def dtype_sentence(name: str, got: str, hint: str = "") -> str:
    return f"expected {name} of one of the dtypes {DTYPES}, got {got}{hint}"


WIDER = "; convert it to float32 before saving"
HEADER = "expected a header of at most 1048576 bytes, got "
JSON = "expected a header in JSON, got 'something else ("
ZIP = "expected a safetensors file, got 'a zip archive, as torch.save and numpy.savez write it'"
SAVE_IN_TORCH = "; in PyTorch write safetensors.torch.save_file(model.state_dict(), path)"
DEEP = "expected a header nested at most 3 deep, got 'one that is deeper'"
TWICE = json.dumps(entry()).encode()
TINY = json.dumps(entry("U8", (0,), (0, 0)))
MANY = ("{" + ",".join(f'"{i}":{TINY}' for i in range(10_001)) + "}").encode()

FILES = [
    Attack("empty", b"", "expected a header, got 'a file of 0 bytes'" + FOREIGN),
    Attack("short", b"\x01\0\0\0\0\0\0", "expected a header, got 'a file of 7 bytes'" + FOREIGN),
    Attack("header_of_2_63", (2**63).to_bytes(8, "little") + b"{}", f"{HEADER}{2**63}{FOREIGN}"),
    Attack("header_of_200_mb", (200 * 10**6).to_bytes(8, "little") + b"{}", f"{HEADER}200000000{FOREIGN}"),
    Attack("header_bloat", pack(b'{"a":"' + b" " * 2**20 + b'"}'), f"{HEADER}{2**20 + 8}{FOREIGN}"),
    Attack(
        "header_beyond_the_end",
        pack({"a": entry()})[:20],
        "expected a header of 61 bytes, got 12; the file is truncated",
    ),
    Attack("too_many_arrays", pack(MANY), "expected at most 10000 arrays, got 10001"),
    Attack("zip", b"PK\x03\x04" + bytes(60), ZIP + SAVE_IN_TORCH),
    Attack("pickle", b"\x80\x05\x95\x10\0\0\0\0\0\0\0\x8c\x05posix", f"{HEADER}{0x1095_0580}{FOREIGN}"),
    Attack("not_json", pack(b"{nonsense"), JSON),
    Attack("not_utf8", pack(b'{"\xff":1}'), "expected a header in UTF-8, got 'other bytes'" + FOREIGN),
    Attack("not_an_object", pack([1, 2]), "expected a header to be a JSON object, got [1, 2]"),
    Attack("nan_in_the_header", pack(b'{"a":NaN}'), JSON + "NaN is not JSON)'"),
    Attack("number_of_5000_digits", pack(b'{"a":' + b"9" * 5000 + b"}"), JSON),
    Attack("deep_json", pack(b'{"a":' * 2000 + b"1" + b"}" * 2000), DEEP),
    Attack("deep_lists", pack(b"[" * 2**19), DEEP),
    Attack("open_strings", pack(b'"\\' * 2**18), JSON),
    Attack("duplicate_key", pack(b'{"a":' + TWICE + b',"a":' + TWICE + b"}", bytes(4)), JSON + "a key is repeated)'"),
    Attack("metadata_of_numbers", pack({"__metadata__": {"a": 1}}), "expected metadata of text alone, got {'a': 1}"),
    Attack("metadata_of_text", pack({"__metadata__": "a"}), "expected metadata of text alone, got 'a'"),
    Attack("entry_of_text", pack({"a": "F32"}), dtype_sentence("'a'", "None")),
    Attack("entry_without_dtype", pack({"a": {"shape": [1]}}), dtype_sentence("'a'", "None")),
    Attack("dtype_of_lists", pack({"a": entry([])}), dtype_sentence("'a'", "[]")),
    Attack("unknown_dtype", pack({"a": entry("X32")}, bytes(4)), dtype_sentence("'a'", "'X32'")),
    Attack("bfloat16", pack({"a": entry("BF16", (2,))}, bytes(4)), dtype_sentence("'a'", "'BF16'", WIDER)),
    Attack("float8", pack({"a": entry("F8_E4M3", (4,))}, bytes(4)), dtype_sentence("'a'", "'F8_E4M3'", WIDER)),
    Attack("overlap", pack({"a": entry(), "b": entry(offsets=(2, 6))}, bytes(6)), DAMAGED),
    Attack("hole", pack({"a": entry(), "b": entry(offsets=(8, 12))}, bytes(12)), DAMAGED),
    Attack("trailing_bytes", pack({"a": entry()}, bytes(5)), DAMAGED),
    Attack("truncated_data", pack({"a": entry()}, bytes(3)), DAMAGED),
    Attack("shape_mismatch", pack({"a": entry(shape=(2,))}, bytes(4)), DAMAGED),
    Attack("shape_overflow", pack({"a": entry(shape=(2**40, 2**40))}, bytes(4)), DAMAGED),
    Attack("negative_dimension", pack({"a": entry(shape=(-1,))}, bytes(4)), DAMAGED),
    Attack("fractional_dimension", pack({"a": entry(shape=(1.5,))}, bytes(4)), DAMAGED),
    Attack("offsets_backwards", pack({"a": entry(offsets=(4, 0))}, bytes(4)), DAMAGED),
    Attack("no_shape", pack({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, bytes(4)), DAMAGED),
]
