"""From a space in TOML to the settings of ``nnxp train``, trial by trial."""

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import typer

from nnxp._checks import Words, did_you_mean, message
from nnxp.cli._reading import Reading
from nnxp.cli.errors import sentence
from nnxp.cli.settings import Settings, check_model, parse_hidden
from nnxp.cli.train import train
from nnxp.errors import FormatError
from nnxp.search.space import Space, as_space

__all__ = ["Plans", "read_plans", "settings_of"]

# What is the search's own to say, or would be in its way.
_OURS = {"device", "force", "out", "quiet", "resume", "seed", "target", "threads", "verbose"}


@dataclass(frozen=True)
class Plans:
    """What is searched, and what stays.

    Attributes
    ----------
    where : str
        Begins the sentence of every error.
    fixed : dict
        Options of ``nnxp train``, such as ``{"epochs": 20}``.
    space : dict
        A choice or a range for each of the others that vary.
    """

    where: str
    fixed: dict[str, Any]
    space: Space

    def arguments(self, values: Mapping[str, Any]) -> list[str]:
        """Return the command line of a trial, DATA left out."""
        return [f"--{name}={_word(value)}" for name, value in {**self.fixed, **values}.items()]


def read_plans(path: Path, data: str, common: list[str]) -> Plans:
    """Read a space, and try every value and every end of a range in it.

    Parameters
    ----------
    path : path
        A file in TOML with a table ``[space]``, and perhaps ``[fixed]``.
    data : str
        What the trials train on.
    common : list of str
        Further arguments of every trial.

    Raises
    ------
    FormatError
        If the file is not TOML, or has other tables.
    ValueError
        If a name is no option, or a value is none that its option takes.
    OSError
        If the file cannot be read.
    """
    where = f"search: {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(message(where, "a file in TOML", Words(f"a mistake ({error})"))) from None
    tables = all(isinstance(table, dict) for table in content.values())
    if not tables or not {"space"} <= set(content) <= {"space", "fixed"}:
        got = Words(", ".join(content) or "nothing")
        raise FormatError(message(where, "a table [space], and perhaps [fixed]", got))
    plans = Plans(where, dict(content.get("fixed", {})), as_space(content["space"], where))
    _check_names(plans)
    for name, value in plans.fixed.items():
        _check_value(plans, [data, *common], name, value)
    for name, dimension in plans.space.items():
        for value in dimension.ends():
            _check_value(plans, [data, *common], name, value)
    return plans


def _check_names(plans: Plans) -> None:
    options = {f.name.replace("_", "-") for f in (*fields(Settings), *fields(Reading))}
    known = sorted(options - _OURS - {"data", "reading"})
    for name in (*plans.fixed, *plans.space):
        if name in _OURS:
            hint = "give it to nnxp search" if name not in ("out", "resume", "force", "quiet", "verbose") else ""
            raise ValueError(message(plans.where, f"options of nnxp train without {name}", name, hint))
        if name not in known:
            hint = did_you_mean(name, known)
            raise ValueError(message(plans.where, f"options of nnxp train, {', '.join(known)}", name, hint))
    if both := plans.fixed.keys() & plans.space.keys():
        raise ValueError(message(plans.where, "every option once", Words(f"{sorted(both)[0]} in both tables")))


def _check_value(plans: Plans, common: list[str], name: str, value: Any) -> None:
    """Refuse a value that its option does not take; what others say with it is known when a trial begins."""
    try:
        settings_of([*common, f"--{name}={_word(value)}"])
    except Exception as error:
        said = sentence(error)
        if said is None:
            raise
        hint = said.partition(": ")[2].removeprefix("Value error, ").strip(" .")
        raise ValueError(message(plans.where, f"a value that --{name} takes", Words(repr(value)), hint)) from None


def settings_of(arguments: list[str]) -> Settings:
    """Return the settings that ``nnxp train`` would have for these arguments."""

    def told(**values: Any) -> dict[str, Any]:
        return values

    # The same options as those of nnxp train, asked for their values alone.
    told.__signature__ = inspect.signature(train)  # type: ignore[attr-defined]
    told.__annotations__ = dict(train.__annotations__)
    parser = typer.Typer(add_completion=False)
    parser.command()(told)
    values: dict[str, Any] = typer.main.get_command(parser).main(arguments, "train", standalone_mode=False)
    values["reading"] = Reading(**{f.name: values.get(f.name) for f in fields(Reading)})
    values |= {"model": check_model(values["model"]), "hidden": parse_hidden(values["hidden"]), "resume": False}
    return Settings(**{f.name: values[f.name] for f in fields(Settings)})


def _word(value: Any) -> str:
    """Write a value as on a command line: a list is joined by commas."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(_word, value))
    return repr(value) if isinstance(value, float) else str(value)
