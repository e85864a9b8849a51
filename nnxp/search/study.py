"""The search itself: what is tried next, what is stopped, and what is remembered; Optuna does all three."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from nnxp._checks import Words, check_choice, check_positive_int, message
from nnxp.random import generator
from nnxp.search.result import SearchResult, TrialRow
from nnxp.search.space import Choices, Range, as_space, describe_space
from nnxp.search.trial import Trial

__all__ = ["search"]

_JOURNAL, _NAME = "study.journal", "nnxp"


def search(
    objective: Callable[[Trial], float],
    space: Mapping[str, Choices | Range | list[Any] | Mapping[str, Any]],
    *,
    trials: int,
    method: str = "random",
    direction: str = "minimize",
    seed: int = 0,
    folder: str | PathLike[str] | None = None,
    facts: Mapping[str, Any] | None = None,
    show: Callable[[TrialRow], None] | None = None,
) -> SearchResult:
    """Try values out of a space, one trial after the other.

    Parameters
    ----------
    objective : callable
        ``objective(trial)`` trains with ``trial["lr"]`` and so on, and returns what it came to. With
        ``callbacks=[trial.watch("val_loss")]`` in its `fit`, halving can stop it.
    space : mapping
        As `as_space` reads it.
    trials : int
        How many in all, those of before included.
    method : {"random", "halving"}
        Halving gives every trial an epoch, the best third of them three, the best third of these nine, and so on [1]_;
        it decides as they come, and waits for none.
    direction : {"minimize", "maximize"}
        Whether less or more is better.
    seed : int
        Of the values; those of a trial follow from it and the trial's number alone.
    folder : path, optional
        Where the study is kept, in a journal of Optuna's: a search that was ended goes on there, and a trial that was
        cut short is run again.
    facts : mapping, optional
        What else, as plain values, has to be the same when a search goes on.
    show : callable, optional
        Called with every trial that has ended.

    Returns
    -------
    SearchResult
        All trials.

    Raises
    ------
    ImportError
        If Optuna is not installed.
    ValueError
        If an argument is out of range, or the folder has another search in it, or something else.

    References
    ----------
    .. [1] Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, arXiv:1810.05934,
       algorithm 2.

    Examples
    --------
    >>> def objective(trial):
    ...     net = Network(Sequential(Linear(64, trial["width"]), ReLU(), Linear(trial["width"], 10)), seed=0)
    ...     history = net.fit(x, y, loss=CrossEntropyLoss(), optimizer=Adam(lr=trial["lr"]), epochs=9, validation=0.2,
    ...                       callbacks=[trial.watch()])
    ...     return min(history["val_loss"])
    >>> found = search(objective, {"lr": Range(1e-4, 0.1, log=True), "width": [16, 64]}, trials=20, method="halving")
    """
    check_positive_int("search", "trials", trials)
    check_choice("search", "method", method, ["random", "halving"])
    check_choice("search", "direction", direction, ["minimize", "maximize"])
    check_positive_int("search", "seed", seed, least=0)
    dimensions = as_space(space)
    with _quiet_optuna() as optuna:
        told = {"method": method, "direction": direction, "seed": seed, "space": describe_space(dimensions)}
        study = _open(optuna, folder, told | dict(facts or {}))
        halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
        study.pruner = halving if method == "halving" else optuna.pruners.NopPruner()
        for number in range(len(_ended(optuna, study)) + 1, trials + 1):
            study.sampler = optuna.samplers.RandomSampler(seed=int(generator(seed, "trial", number).integers(2**32)))
            asked = study.ask()
            trial = Trial(number, {name: d.suggest(name, asked) for name, d in dimensions.items()}, asked)
            _run(optuna, study, asked, trial, objective)
            if show is not None:
                show(_row(number, _ended(optuna, study)[-1]))
        return SearchResult(tuple(_row(i, t) for i, t in enumerate(_ended(optuna, study), 1)), direction)


def _run(optuna: Any, study: Any, asked: Any, trial: Trial, objective: Callable[[Trial], float]) -> None:
    """Run one trial, and write down how it ended."""
    states, began = optuna.trial.TrialState, time.perf_counter()
    try:
        value = float(objective(trial))
    except BaseException:
        study.tell(asked, state=states.FAIL)
        raise
    outcome = "stopped" if trial.stopped else "finished" if math.isfinite(value) else "diverged"
    about = {"outcome": outcome, "epochs": trial.epochs, "seconds": time.perf_counter() - began}
    for name, fact in about.items():
        asked.set_user_attr(name, fact)
    if outcome == "finished":
        study.tell(asked, value)
    else:
        study.tell(asked, state=states.PRUNED)


def _row(number: int, ended: Any) -> TrialRow:
    about = ended.user_attrs
    value = float(ended.value) if about["outcome"] == "finished" else math.nan
    return TrialRow(number, dict(ended.params), value, about["outcome"], int(about["epochs"]), float(about["seconds"]))


def _ended(optuna: Any, study: Any) -> list[Any]:
    """Return the trials that came to an end of any kind; one that failed is not counted, and run again."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return list(study.get_trials(deepcopy=False, states=states))


def _open(optuna: Any, folder: str | PathLike[str] | None, facts: dict[str, Any]) -> Any:
    """Begin a study, or find the one that is there."""
    if folder is None:
        return optuna.create_study(direction=facts["direction"])
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise ValueError(message("search", "the name of a folder", Words(f"{path}, which is a file")))
    journal = path / _JOURNAL
    if path.is_dir() and not journal.exists() and any(path.iterdir()):
        raise ValueError(message("search", "a new or empty folder, or that of an earlier search", str(path)))
    path.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    study = optuna.create_study(storage=storage, study_name=_NAME, direction=facts["direction"], load_if_exists=True)
    before = study.user_attrs.get("facts")
    if before is None:
        study.set_user_attr("facts", facts)
    else:
        _check_facts(path, _plain(before), _plain(facts))
    for left in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(left.number, state=optuna.trial.TrialState.FAIL)
    return study


def _plain(value: Any) -> Any:
    """Return what JSON would make of it: tuples are lists."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def _check_facts(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            what = f"the {name} of the search in {path}, {_short(before.get(name))}"
            raise ValueError(message("search", what, Words(_short(now.get(name))), "give a new folder"))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


@contextmanager
def _quiet_optuna() -> Iterator[Any]:
    """Give Optuna for a block, without its own reports of every trial."""
    try:
        import optuna
    except ImportError:
        raise ImportError("search: expected Optuna to be installed; pip install 'nnxp[search]'") from None
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)
