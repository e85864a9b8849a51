"""From a file and a user's rules to numbers, and to what was learned on the way."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnxp._checks import Words, message
from nnxp.datasets._cells import MISSING, Style, is_number, plain
from nnxp.datasets._head import Head, read_head
from nnxp.datasets._reading import FilePath
from nnxp.datasets._rules import MISSING_POLICIES, Rules
from nnxp.datasets._sheet import Plan, Sheet, data_rows, read_sheet
from nnxp.datasets.table import Column, Table
from nnxp.errors import FormatError

HostArray = np.ndarray[Any, Any]


def read_by_rules(
    style: Style, path: FilePath, target: str | int | None, rules: Rules, max_bytes: int
) -> tuple[Sheet, list[Plan]]:
    """Read a table that is to be fitted; words are numbered in order."""
    head = read_head(style, path, target, max_bytes, takes_words=rules.takes_words)
    rules.check_names(style.where, head.names)
    assert head.target is not None  # it was asked for
    worded = _columns_of_words(style, path, head, rules, max_bytes)
    plans = [_plan(rules, name, j in worded) for j, name in enumerate(head.features)]
    drops = rules.missing_of(head.names[head.target]) == "drop"
    sheet = read_sheet(style, path, head, plans, max_bytes, drops_targets=drops)
    for j, plan in enumerate(plans):
        if plan.words is not None and not plan.closed:
            _sort_words(sheet.x[:, j], plan)
    return sheet, plans


def fit_table(sheet: Sheet, plans: Sequence[Plan], rules: Rules, rows: HostArray | None = None) -> Table:
    """Learn what stands in for missing cells, from some of the rows or from all."""
    columns = []
    for j, (name, plan) in enumerate(zip(sheet.head.features, plans, strict=True)):
        raw = sheet.x[:, j] if rows is None else sheet.x[rows, j]
        words = None if plan.words is None else list(plan.words)
        fill = _fill(sheet, j, rules.missing_of(name), words, raw[~np.isnan(raw)])
        if words is not None and isinstance(fill, str) and fill not in words:
            words.append(fill)
        coding = rules.coding_of(name)
        coding = "one-hot" if coding == "one-hot" and words is not None else "ordinal"
        columns.append(Column(name, fill, plan.drops, None if words is None else tuple(words), coding))
    return Table(tuple(columns), rules.unseen, rules.missing_of(sheet.target_name) == "drop")


def read_by_table(
    style: Style, path: FilePath, head: Head, table: Table, max_bytes: int, *, drop: bool = True
) -> tuple[Sheet, HostArray]:
    """Read another file alike; return it, and its features. Without `drop` a row that would be left out is an error."""
    order = match_columns(style, path, head, table)
    plans = [Plan() for _ in order]
    for column, j in zip(table.columns, order, strict=True):
        words = None if column.categories is None else {word: i for i, word in enumerate(column.categories)}
        other = None if words is None or table.unseen == "error" else len(words)
        drops = column.drop and drop
        plans[j] = Plan(drops or column.fill is not None, drops, words, True, other)
    sheet = read_sheet(style, path, head, plans, max_bytes, drops_targets=drop and table.drops_targets)
    raw = sheet.x if order == list(range(len(order))) else sheet.x[:, order]
    return sheet, table.encode(raw)


def match_columns(style: Style, path: FilePath, head: Head, table: Table) -> list[int]:
    """Return the place in the file of each fitted column: by name where both have names, else by place."""
    names = [column.name for column in table.columns]
    there = list(head.features)
    named = head.has_header and names != [f"column {i + 1}" for i in range(len(names))]
    if not named:
        if len(there) != len(names):
            expected = f"{len(names)} columns of features in {os.fspath(path)}, and a target or none"
            raise FormatError(message(style.where, expected, len(there)))
        return list(range(len(names)))
    places = {name: j for j, name in enumerate(there)}
    for kind, wanted, got in (("no", names, set(there)), ("another column", there, set(names))):
        absent = next((name for name in wanted if name not in got), None)
        if absent is not None:
            said = message(
                style.where, f"the columns {', '.join(names)} in {os.fspath(path)}", Words(f"{kind} {absent!r}")
            )
            raise FormatError(said)
    return [places[name] for name in names]


def _columns_of_words(style: Style, path: FilePath, head: Head, rules: Rules, max_bytes: int) -> set[int]:
    """Return the columns of features that are of words: those that were named so, and those that turn out to be."""
    names = head.features
    found = {j for j, name in enumerate(names) if rules.is_named(name)}
    open_ones = [j for j, name in enumerate(names) if j not in found and rules.coding_of(name) != "error"]
    if not open_ones:
        return found
    for _, row in data_rows(style, path, head, max_bytes):
        if head.target is not None:
            row.pop(head.target)
        for j in list(open_ones):
            cell = row[j].strip()
            if not is_number(cell, style.number) and cell.lower() not in MISSING:
                open_ones.remove(j)
                found.add(j)
    return found


def _plan(rules: Rules, name: str, worded: bool) -> Plan:
    missing, coding = rules.missing_of(name), rules.coding_of(name)
    if not worded:
        return Plan(missing != "error", missing == "drop")
    order = [plain(word) for word in coding] if isinstance(coding, tuple) else []
    if order and isinstance(missing, str) and missing not in MISSING_POLICIES:
        order.append(missing)  # a word of its own, beside any other
    words = {word: i for i, word in enumerate(dict.fromkeys(order))}
    other = len(words) if order and rules.unseen == "other" else None
    return Plan(missing != "error", missing == "drop", words, bool(order), other)


def _sort_words(raw: HostArray, plan: Plan) -> None:
    """Give words their numbers in alphabetical order, and numbers among them by size, instead of as they were met."""
    assert plan.words is not None
    met = list(plan.words)
    ordered = sorted(met, key=lambda word: (not is_number(word), float(word) if is_number(word) else 0.0, word))
    plan.words = {word: i for i, word in enumerate(ordered)}
    places = np.array([plan.words[word] for word in met], dtype=np.float32)
    known = ~np.isnan(raw)
    raw[known] = places[raw[known].astype(np.int64)]


def _fill(sheet: Sheet, j: int, policy: Any, words: list[str] | None, present: HostArray) -> float | str | None:
    """Return what stands in for a missing cell of a column; None where there is to be none."""
    if policy in ("error", "drop"):
        return None
    name = sheet.head.features[j]
    if words is not None:
        present = present[present < len(words)]  # others than those of an order that was told are no candidates
        if policy == "most_frequent" and len(present):
            return words[int(np.bincount(present.astype(np.int64)).argmax())]
        if policy not in MISSING_POLICIES and isinstance(policy, str):
            return policy
    elif policy not in MISSING_POLICIES and not isinstance(policy, str):
        return float(np.float32(policy))
    elif policy in MISSING_POLICIES and len(present):
        if policy == "most_frequent":
            values, counts = np.unique(present, return_counts=True)
            return float(values[counts.argmax()])
        measure = np.mean if policy == "mean" else np.median
        return float(np.float32(measure(present.astype(np.float64))))
    missing = np.isnan(sheet.x[:, j])
    if not missing.any():
        return None
    kind = "words" if words is not None else "numbers"
    wanted = "'most_frequent', 'drop' or a word" if words is not None else "'drop' or a number"
    expected = f"missing={{{name!r}: {wanted}}} for a column of {kind}"
    if words is None and not len(present):
        expected += " in which all is missing"
    raise sheet.error(expected, int(missing.argmax()), policy, column=name)
