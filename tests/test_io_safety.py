"""Nothing in the package can run what a file says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnxp.io

PACKAGE = Path(nnxp.io.__file__).parents[1]
SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
FORBIDDEN_MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "runpy",
    "code",
}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "import_module",
    "import_string",
    "load_module",
    "exec_module",
}
# They import by a name of a closed table in the code itself.
IMPORTERS = {"__init__.py", "_lazy.py", "_backend/dispatch.py", "_backend/kernels/kept.py", "_backend/kernels/path.py"}

# It runs the script that it has just written, out of the package's own text and a layer's, to see that it shows what
# was found; of files it reads nothing.
REPLAYER = "training/callbacks/nan/recording.py"


def offences(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None)
            names = [alias.name for alias in node.names] + [module or ""]
            yield from (f"imports {name}" for name in names if name.partition(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            fixed = isinstance(node.value, ast.Constant) and node.value.value is False
            yield from () if fixed else ("allow_pickle is not False",)
        if isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            # A method of that name (`re.compile`) is no offence, but for the imports.
            bare = isinstance(function, ast.Name) or "import" in name or "module" in name
            yield from (f"calls {name}",) if name in FORBIDDEN_CALLS and bare else ()


@pytest.mark.parametrize("source", SOURCES)
def test_the_package_neither_unpickles_nor_evaluates_nor_imports_by_a_value(source: str) -> None:
    found = set(offences((PACKAGE / source).read_text()))
    allowed = {"calls import_module"} if source in IMPORTERS else set()
    assert found == ({"calls exec", "calls compile"} if source == REPLAYER else found & allowed)


OFFENCES = [
    "import pickle",
    "from pickle import loads",
    "import a, joblib",
    "np.load(f, allow_pickle=True)",
    "np.load(f, allow_pickle=flag)",
    "eval(x)",
    "exec(x)",
    "compile(x, '', 'exec')",
    "__import__(x)",
    "import_module(x)",
    "importlib.import_module(x)",
]


@pytest.mark.parametrize("code", OFFENCES)
def test_the_search_finds_what_it_looks_for(code: str) -> None:
    assert list(offences(code))


@pytest.mark.parametrize("code", ["re.compile(x)", "np.load(f, allow_pickle=False)", "net.eval()", "import json"])
def test_the_search_finds_nothing_else(code: str) -> None:
    assert not list(offences(code))
