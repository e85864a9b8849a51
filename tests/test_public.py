"""The public face: names, laziness, imports that point one way, and rules of the house."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import nnxp

PACKAGE = Path(nnxp.__file__).parent


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_import_costs_nothing_until_a_name_is_used() -> None:
    assert run("import sys, nnxp; print('numpy' in sys.modules)") == "False"


@pytest.mark.parametrize(
    "library",
    ["torch", "cupy", "scipy", "matplotlib", "rich", "typer", "pandas", "safetensors", "array_api_strict", "tomli_w"],
)
def test_the_library_needs_only_numpy_and_array_api_compat(library: str) -> None:
    code = f"import sys, nnxp; [getattr(nnxp, n) for n in nnxp.__all__]; nnxp.Network(nnxp.Linear(2, 2)); print({library!r} in sys.modules)"
    assert run(code) == "False"


def test_a_room_is_there_at_the_first_look() -> None:
    assert run("import nnxp; print(nnxp.layers.Linear.__name__, nnxp.training.History.__name__)") == "Linear History"


def test_a_name_loads_its_own_file_alone() -> None:
    code = (
        "import sys; from nnxp import Linear, MSELoss, SGD; print(*[m for m in sys.modules if m.startswith('nnxp.')])"
    )
    loaded = run(code).split()
    assert {"nnxp.layers.linear", "nnxp.losses.regression", "nnxp.optimizers.sgd"} <= {*loaded}
    assert not {"nnxp.layers.conv", "nnxp.losses.ctc", "nnxp.optimizers.lion", "nnxp.training"} & {*loaded}


@pytest.mark.parametrize("room", ["layers", "losses", "optimizers"])
def test_what_is_found_lazily_is_what_type_checkers_see(room: str) -> None:
    package = getattr(nnxp, room)
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text())
    stars = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        homes = [star for star in stars if name in import_module(str(star)).__all__]
        assert len(homes) == 1, name
        assert getattr(package, name) is getattr(import_module(str(homes[0])), name)
    with pytest.raises(AttributeError, match=rf"^module 'nnxp.{room}' has no attribute 'Lniear'$"):
        package.Lniear  # noqa: B018


def test_star_import_brings_every_public_name() -> None:
    assert run("from nnxp import *; print(Network.__name__, Adam.__name__, load.__name__)") == "Network Adam load"


def test_every_public_name_is_there_once() -> None:
    assert sorted(set(nnxp.__all__)) == nnxp.__all__
    assert dir(nnxp) == nnxp.__all__
    for name in nnxp.__all__:
        assert getattr(nnxp, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="^module 'nnxp' has no attribute 'Lniear'$"):
        _ = nnxp.Lniear


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Names of the modules that a file imports, those for the type checker alone left out."""
    found: set[str] = set()

    class Visitor(ast.NodeVisitor):
        def visit_If(self, node: Any) -> None:
            if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
                self.generic_visit(node)

        def visit_Import(self, node: Any) -> None:
            found.update(alias.name for alias in node.names)

        def visit_ImportFrom(self, node: Any) -> None:
            found.add(node.module)

    Visitor().visit(ast.parse(path.read_text()))
    return found


def test_only_the_seam_names_array_libraries() -> None:
    for path in modules():
        if "_backend" not in path.parts:
            assert not {n.partition(".")[0] for n in imports(path)} & {
                "cupy",
                "cupyx",
                "torch",
                "numba",
                "array_api_strict",
            }, path


@pytest.mark.parametrize("room", ["layers", "losses", "optimizers"])
def test_formulas_are_written_in_the_standard_alone(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        assert "numpy" not in imports(path), path


# Each room may import from those after it, never from those before it.
ORDER = [
    ["cli"],
    ["report", "sklearn", "search"],
    ["_trial", "benchmark", "io", "training", "checking", "comparison", "explanation", "plotting", "summary"],
    ["network", "probe"],
    ["augmentations", "datasets", "metrics", "models", "_parameters", "_stretches"],
    ["layers", "losses", "optimizers", "schedules"],
    ["initializers", "random", "device", "threads"],
    ["_backend"],
    ["_checks", "_files", "_lazy", "_nested", "_table", "errors"],
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
# The one exception: methods of Network hand on to these rooms, and import them inside the method.
HANDED_ON = {"network": {"training", "io", "summary", "explanation"}}


def test_imports_point_one_way() -> None:
    for path in modules():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in {"__init__", "__main__"}:
            continue
        for name in imports(path):
            parts = name.split(".")
            if (
                parts[0] == "nnxp"
                and len(parts) > 1
                and parts[1] != room
                and parts[1] not in HANDED_ON.get(room, set())
            ):
                assert LEVEL[parts[1]] >= LEVEL[room], f"{path} imports {name}"


def test_no_debts_are_left() -> None:
    for path in modules():
        text = path.read_text()
        for word in ("TODO", "FIXME", "XXX", "type: ignore\n"):
            assert word not in text, f"{path}: {word}"
