"""Folders of images: what is read, how large it may be, and every kind of file that must not harm."""

from __future__ import annotations

import builtins
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nnxp import Adam, CrossEntropyLoss, Flatten, Linear, Network, Sequential
from nnxp.datasets import digits, load, load_all, load_images
from nnxp.errors import FormatError

RNG = np.random.default_rng(0)


def picture(path: Path, size: tuple[int, int] = (4, 5), mode: str = "RGB", **options: Any) -> np.ndarray[Any, Any]:
    """Write an image of noise; return its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = RNG.integers(0, 256, (*size, *depth), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


@pytest.fixture
def pets(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(5)]
    return tmp_path / "pets", {name: picture(tmp_path / "pets" / name) for name in names}


def test_every_image_is_read_once_with_the_class_of_its_folder(pets: Any) -> None:
    folder, pixels = pets
    (x_train, y_train, x_test, y_test), classes = load_images(folder, seed=4)
    assert classes == ("cat", "dog")
    assert (x_train.shape, x_test.shape) == ((8, 3, 4, 5), (2, 3, 4, 5))
    assert (x_train.dtype, y_train.dtype) == (np.uint8, np.int64)
    due = {(image.transpose(2, 0, 1).tobytes(), classes.index(name[:3])) for name, image in pixels.items()}
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    assert {(image.tobytes(), label) for image, label in zip(x, y.tolist(), strict=True)} == due


def test_the_split_follows_the_seed(pets: Any) -> None:
    folder, _ = pets
    first, again, other = (load_images(folder, seed=seed)[0][2].tobytes() for seed in (1, 1, 2))
    assert first == again != other


def test_training_and_testing_may_have_folders_of_their_own(tmp_path: Path) -> None:
    for name in ("train/b/1.png", "train/a/1.png", "train/a/2.png", "test/b/1.png"):
        picture(tmp_path / name)
    (x_train, y_train, x_test, y_test), classes = load_images(tmp_path)
    assert (len(x_train), len(x_test)) == (3, 1)
    assert (y_train.tolist(), y_test.tolist()) == ([0, 0, 1], [1])
    data = load(tmp_path)
    assert (data.classes, data.scale, data.sample_shape) == (classes, "unit", (3, 4, 5))
    picture(tmp_path / "test" / "c" / "1.png")
    said = f"load_images: expected only the classes a, b, as for training, in {tmp_path}/test, got 'c'"
    with pytest.raises(FormatError, match=f"^{re.escape(said)}$"):
        load_images(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".bmp", ".gif", ".webp", ".tiff", ".ppm"])
def test_many_formats_are_read_whatever_their_name(tmp_path: Path, suffix: str) -> None:
    for i in range(3):
        flat = Image.new("RGB", (6, 3), (200, 100, 50))
        (tmp_path / "a").mkdir(exist_ok=True)
        flat.save(tmp_path / "a" / f"{i}{suffix}")
    x = load_images(tmp_path)[0][0]
    assert x.shape == (2, 3, 3, 6)
    assert np.abs(x.mean(axis=(0, 2, 3)) - [200, 100, 50]).max() < 5


def test_images_are_grey_if_all_of_them_are_or_if_it_is_asked(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "a" / f"{i}.png", mode="L")
    assert load_images(tmp_path)[0][0].shape[1] == 1
    assert load_images(tmp_path, channels=3)[0][0].shape[1] == 3
    picture(tmp_path / "a" / "3.png")
    assert load_images(tmp_path)[0][0].shape[1] == 3
    assert load_images(tmp_path, channels=1)[0][0].shape[1] == 1


def test_images_are_scaled_to_one_size(tmp_path: Path) -> None:
    for i in range(4):
        path = tmp_path / "a" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (10 + i, 20), 7).save(path)
    x = load_images(tmp_path, size=(6, 3))[0][0]
    assert x.shape == (3, 1, 6, 3)
    assert (x == 7).all()
    assert load_images(tmp_path, size=8)[0][0].shape[2:] == (8, 8)


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    for i in range(3):
        image = Image.new("L", (4, 2))
        image.putpixel((0, 0), 255)
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees clockwise to see it
        (tmp_path / "a").mkdir(exist_ok=True)
        image.save(tmp_path / "a" / f"{i}.png", exif=exif)
    x = load_images(tmp_path)[0][0]
    assert x.shape[2:] == (4, 2)
    assert (x[:, 0, 0, 1] == 255).all()


def test_other_files_and_hidden_ones_are_not_looked_at(pets: Any) -> None:
    folder, _ = pets
    (folder / "cat" / "notes.txt").write_text("x")
    (folder / "cat" / ".0.png").write_text("x")
    (folder / ".cache").mkdir()
    assert len(load_images(folder)[0][0]) == 8


def test_they_are_trained_on_and_predicted(tmp_path: Path) -> None:
    x, y, _, _ = digits(test=0)
    for i in range(120):
        path = tmp_path / "digits" / str(y[i]) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[i].reshape(8, 8) * 255).astype(np.uint8)).save(path)
    data = load(tmp_path / "digits")
    net = Network(Sequential(Flatten(), Linear(64, 10)), seed=0)
    net.fit(
        data.x_train / 255, data.y_train, loss=CrossEntropyLoss(), optimizer=Adam(lr=0.01), epochs=20, verbose=False
    )
    assert net.evaluate(data.x_test / 255, data.y_test, metrics=["accuracy"])["accuracy"] > 0.6
    images, labels = load_all(tmp_path / "digits", classes=data.classes, sample_shape=(3, 6, 7))
    assert images.shape == (120, 3, 6, 7)
    assert labels is not None
    assert labels.tolist() == sorted(y[:120].tolist())
    bare, nothing = load_all(tmp_path / "digits" / "3", classes=data.classes, features=64, sample_shape=(1, 8, 8))
    assert nothing is None
    assert np.array_equal(bare, load_all(tmp_path / "digits", classes=data.classes)[0][labels == 3])


# -- what is refused -----------------------------------------------------------------------------


def refused(folder: Path, sentence: str, **options: Any) -> None:
    sentence = f"load_images: expected {sentence.replace('DIR', str(folder))}"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}"):
        load_images(folder, **options)


def test_sizes_that_differ_are_refused_with_a_way_out(pets: Any) -> None:
    folder, _ = pets
    picture(folder / "dog" / "9.png", (7, 5))
    refused(
        folder,
        "images of one size in DIR, that of 0.png, 4 by 5, got 7 by 5 in DIR/dog/9.png; size=32 scales all of them (--size 32)",
    )


def test_more_than_the_limit_is_refused_before_it_is_decoded(pets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = pets
    monkeypatch.setattr("nnxp.datasets.images.decode", None)
    refused(
        folder,
        "the images in DIR to take up at most 599 bytes, got 600; make size smaller, or give max_bytes",
        max_bytes=599,
    )


def test_too_few_or_none_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, "a folder of images for each class in DIR, got none")
    (tmp_path / "a").mkdir()
    refused(tmp_path, "images (.png, .jpg, .jpeg, .bmp, .gif, .webp, .tif, .tiff, .ppm, .pgm) in DIR/a, got none")
    picture(tmp_path / "a" / "1.png")
    refused(tmp_path, "at least 3 images in DIR, got 1")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, body: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "a sound image in DIR/cat/x.png, got a damaged one (cannot identify image file it)"),
        (b"hello", "a sound image in DIR/cat/x.png, got a damaged one (cannot identify image file it)"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 4\n", "a sound image in DIR/cat/x.png, got a damaged one (cannot identify"),
        (png(5, 4), "a sound image in DIR/cat/x.png, got a damaged one ("),
        (png(9000, 9000), "at most 67108864 pixels in DIR/cat/x.png, got 9000 by 9000; such a file may be made to exhaust the memory"),
        (png(2**16, 2**16), "at most 67108864 pixels in DIR/cat/x.png, got far more; such a file may be made to exhaust the memory"),
    ],
    ids=["empty", "text", "postscript", "no_rows", "large", "bomb"],
)  # fmt: skip
def test_a_file_that_is_no_sound_image_is_named(pets: Any, content: bytes, sentence: str) -> None:
    folder, _ = pets
    (folder / "cat" / "x.png").write_bytes(content)
    refused(folder, sentence, size=4)


def test_a_truncated_image_is_named(pets: Any) -> None:
    folder, _ = pets
    path = folder / "dog" / "2.png"
    path.write_bytes(path.read_bytes()[:-30])
    refused(folder, "a sound image in DIR/dog/2.png, got a damaged one (")


def test_images_of_sixteen_bits_and_of_several_frames_are_refused(pets: Any) -> None:
    folder, _ = pets
    path = folder / "cat" / "deep.png"
    Image.fromarray(np.full((4, 5), 40000, np.uint16)).save(path)
    refused(folder, "8 bits a channel in DIR/cat/deep.png, got 'mode I;16'; save it with 8 bits a channel")
    path.unlink()
    frames = [Image.new("L", (5, 4), shade) for shade in (0, 9)]
    frames[0].save(folder / "cat" / "film.gif", save_all=True, append_images=frames[1:])
    refused(folder, "one image in DIR/cat/film.gif, got several")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, 200),
    byte=st.integers(0, 255),
    kind=st.sampled_from(["png", "jpg", "gif", "webp", "tiff", "bmp"]),
)
def test_a_damaged_byte_ends_in_pixels_or_a_format_error(tmp_path: Path, at: int, byte: int, kind: str) -> None:
    folder = tmp_path / kind
    for i in range(3):
        picture(folder / "a" / f"{i}.{kind}", mode="L")
    path = folder / "a" / f"1.{kind}"
    content = bytearray(path.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content)
    try:
        x = load_images(folder, size=(4, 5))[0][0]
    except FormatError as error:
        said = str(error)
    else:
        said = f"1.{kind}" if x.shape[0] == 2 else ""
    assert f"1.{kind}" in said


def test_without_pillow_it_says_how_to_install_it(pets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def missing(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "PIL":
            raise ImportError(name)
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    said = "load_images: expected Pillow to be installed, got no such package; pip install 'nnxp[images]'"
    with pytest.raises(ImportError, match=f"^{re.escape(said)}$"):
        load_images(pets[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"channels": 2}, "channels to be one of None, 1, 3, got 2"),
        ({"size": 0}, "size to be a whole number of at least 1, or a tuple of 2 such numbers, got 0"),
        ({"max_bytes": 0}, "max_bytes to be a whole number of at least 1, got 0"),
    ],
)
def test_an_option_out_of_range_is_refused(pets: Any, options: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^load_images: expected {re.escape(sentence)}$"):
        load_images(pets[0], **options)
