"""Whatever a file holds: a correct load, or one FormatError that names it."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnxp.errors import FormatError
from nnxp.io import load, read_metadata, read_state_dict, save, write_state_dict
from nnxp.network import Network
from tests.attacks import descriptions, files

READERS = {"nnxp.io.read_state_dict": read_state_dict, "nnxp.load": load}
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_said(said: str, sentence: str) -> None:
    """Hold an error against its sentence; one that stops at a space or a bracket goes on in words of others."""
    assert said.startswith(sentence)
    assert said == sentence or sentence.endswith((" ", "("))
    assert "\n" not in said
    assert len(said) < 1000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "net.safetensors"
    save(descriptions.network(), path)
    return path.read_bytes()


def write_described(path: Path, sound: bytes, change: Any) -> None:
    """Write the sound file with another description."""
    path.write_bytes(sound)
    about = read_metadata(path)
    change(about)
    write_state_dict(path, read_state_dict(path), {"format": "nnxp", "nnxp": json.dumps(about)})


@pytest.mark.parametrize("attack", files.FILES, ids=lambda attack: attack.name)
@pytest.mark.parametrize(("name", "reader"), READERS.items())
def test_a_malformed_file_is_one_sentence(attack: files.Attack, name: str, reader: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(attack.content)
    start = time.perf_counter()
    with pytest.raises(FormatError) as caught:
        reader(path)
    assert time.perf_counter() - start < 2.0
    assert_said(str(caught.value), f"{name}({str(path)!r}): {attack.sentence}")


@pytest.mark.parametrize("attack", descriptions.DESCRIPTIONS, ids=lambda attack: attack.name)
def test_a_description_of_no_network_is_one_sentence(attack: descriptions.Attack, sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    write_described(path, sound, attack.change)
    with pytest.raises(FormatError) as caught:
        load(path)
    assert_said(str(caught.value), f"nnxp.load({str(path)!r}): {attack.sentence}")


def test_a_description_that_is_no_json_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    write_state_dict(path, {}, {"nnxp": '{"version":1,"version":1}'})
    sentence = f"nnxp.load({str(path)!r}): expected a description in JSON, got 'something else (a key is repeated)'"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load(path)


def test_an_array_without_elements_is_no_attack(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    path.write_bytes(files.pack({"a": files.entry("F32", (0, 3), (0, 0))}))
    assert read_state_dict(path)["a"].shape == (0, 3)


def outcome(path: Path) -> Network | None:
    """Load; nothing but a network or a FormatError may come out."""
    for reader in (read_state_dict, read_metadata):
        with suppress(FormatError):
            reader(path)
    with suppress(FormatError):
        return load(path)
    return None


@QUICK
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bytes_load_or_are_refused(flips: list[tuple[float, int]], sound: bytes, tmp_path: Path) -> None:
    content = bytearray(sound)
    for place, mask in flips:
        content[int(place * len(content))] ^= mask
    path = tmp_path / "flipped.safetensors"
    path.write_bytes(content)
    net = outcome(path)
    assert net is None or net.forward(np.ones((1, 3), dtype="float32"))[0].shape == (1, 2)


@QUICK
@given(start=st.floats(0, 1), stop=st.floats(0, 1), junk=st.binary(max_size=16))
def test_bytes_cut_out_or_put_in_load_or_are_refused(
    start: float, stop: float, junk: bytes, sound: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "cut.safetensors"
    low, high = sorted((int(start * len(sound)), int(stop * len(sound))))
    path.write_bytes(sound[:low] + junk + sound[high:])
    net = outcome(path)
    assert net is None or path.read_bytes() == sound or len(junk) == high - low


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 5), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8), st.sampled_from(["Linear", "ReLU", "Sequential", "Standardize", "Flatten", "float32"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["type", "layers", "layer", "mean", "p", "float"]), inner, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip


@QUICK
@given(choices=st.lists(st.integers(0, 11), max_size=4), value=VALUES)
def test_any_value_anywhere_in_a_description_loads_or_is_refused(
    choices: list[int], value: Any, sound: bytes, tmp_path: Path
) -> None:
    def change(about: dict[str, Any]) -> None:
        place: Any = about
        key: Any = "model"
        for choice in choices:
            if isinstance(place, (dict, list)) and place:
                inside = place if key is None else place[key]
                if not isinstance(inside, (dict, list)) or not inside:
                    break
                place, key = (
                    inside,
                    (list(inside) if isinstance(inside, dict) else range(len(inside)))[choice % len(inside)],
                )
        place[key] = value

    path = tmp_path / "changed.safetensors"
    write_described(path, sound, change)
    outcome(path)
