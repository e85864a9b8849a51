"""The CSV reader: headers, targets, classes, and everything that can be wrong with a table."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnxp.datasets import load_csv
from nnxp.errors import FormatError

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def read(tmp_path):
    def read_text(text: str | bytes, **arguments):
        path = tmp_path / "a.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_csv(path, **arguments)

    return read_text


def test_numbers_without_a_header(read):
    data = read("1,2,0\n3,4.5,1\n")
    assert data.x.tolist() == [[1, 2], [3, 4.5]]
    assert data.x.dtype == np.float32
    assert data.y.tolist() == [0, 1]
    assert data.y.dtype == np.int64
    assert data.feature_names == ("column 1", "column 2")
    assert data.target_name == "column 3"
    assert data.classes == (0, 1)
    assert data.x.flags.writeable


def test_a_header_names_the_columns(read):
    data = read("\ufeffage, weight ,kind\r\n\r\n1,2,7\r\n3,4,5\r\n  \r\n")
    assert (data.feature_names, data.target_name, data.classes) == (("age", "weight"), "kind", (5, 7))
    assert data.y.tolist() == [1, 0]


def test_words_as_target_are_classes_with_and_without_a_header(read):
    for text in ("5.1,3.5,setosa\n4,5,virginica\n", "length,width,species\n5.1,3.5,setosa\n4,5,virginica\n"):
        data = read(text)
        assert data.classes == ("setosa", "virginica")
        assert data.y.tolist() == [0, 1]


def test_names_that_are_numbers_are_a_header_above_a_target_of_numbers(read):
    data = read("0,1,target\n4,5,1\n")
    assert data.feature_names == ("0", "1")
    assert len(data.x) == 1


@pytest.mark.parametrize(
    ("mark", "text"), [(";", "a;b;c\n1;2;0.5\n"), ("\t", "a\tb\tc\n1\t2\t0.5\n"), (",", 'a,"b;",c\n1,2,0.5\n')]
)
def test_semicolons_and_tabs_separate_too(read, mark, text):
    assert read(text).x.tolist() == [[1, 2]]


@pytest.mark.parametrize("target", ["a", 0, -3, "0"])
def test_the_target_is_named_or_counted(read, target):
    data = read("a,b,c\n1,2,0\n3,4,1\n", target=target)
    assert data.target_name == "a"
    assert data.classes == (1, 3)
    assert data.x.tolist() == [[2, 0], [4, 1]]


def test_a_named_target_makes_a_header_of_a_row_that_could_be_data(read):
    assert read("1,2,kind\n1,2,cat\n", target="kind").classes == ("cat",)


def test_up_to_a_hundred_whole_numbers_are_classes(read):
    rows = [f"0,{i}.0" for i in range(100)]
    assert read("\n".join(rows)).classes == tuple(range(100))
    more = read("\n".join([*rows, "0,100"]))
    assert more.classes is None
    assert more.y.shape == (101, 1)
    assert more.y.dtype == np.float32
    assert more.y[-1, 0] == 100


def test_a_fraction_makes_regression(read):
    data = read("1,0\n1,0.25\n")
    assert data.classes is None
    assert data.y.tolist() == [[0], [0.25]]


def test_spellings_of_one_number_are_one_class(read):
    data = read("x,y\n1,3.0\n2,03\n4,1\n")
    assert data.classes == (1, 3)
    assert data.y.tolist() == [1, 1, 0]


MISSING = "; in training, missing='drop', 'mean', 'median', 'most_frequent' or a number says what to do (--missing)"
WORDS = "; categories='one-hot' or 'ordinal' makes numbers of words (--categories)"
NO_TARGET = "; missing='drop' leaves rows without one out (--missing drop)"
UTF8 = "; save it as UTF-8"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "rows of numbers in PATH, got an empty file"),
        ("\n \n", "rows of numbers in PATH, got an empty file"),
        ("a,b\n", "rows of numbers in PATH, got a header alone"),
        ("5\n6\n", "a feature and a target in each row of PATH, got 1 column"),
        ("a,b\n1,2\n\n1,2,3\n", "2 columns in PATH, line 4, got 3"),
        ("a,b,c\n1,,3\n", "a number in PATH, line 2, column 'b', got ''" + MISSING),
        ("1,2,3\n1,NA,3\n", "a number in PATH, line 2, column 'column 2', got 'NA'" + MISSING),
        ("1,?,3\n3,4,5\n", "a number in PATH, line 1, column 'column 2', got '?'" + MISSING),
        ("a,b,c\n\n1,x,3\n", "a number in PATH, line 3, column 'b', got 'x'" + WORDS),
        ("a,b,c\n,,\n", "a number in PATH, line 2, column 'a', got ''" + MISSING),
        ("a,b,c\n1,nan,3\n", "a finite float32 number in PATH, line 2, column 'b', got nan" + MISSING),
        ("a,b,c\n1,1e39,3\n", "a finite float32 number in PATH, line 2, column 'b', got inf"),
        ("a,b,c\n1,2,x\n1,2,\n", "a target in PATH, line 3, column 'c', got ''" + NO_TARGET),
        ("a,b,c\n1,2,1.5\n1,2,NaN\n", "a target in PATH, line 3, column 'c', got 'NaN'" + NO_TARGET),
        ("a,b\n1,.5\n1,1e39\n", "a finite float32 number in PATH, line 3, column 'b', got '1e39'"),
        (b"a,b\n1,\xff\n", "UTF-8 text in PATH, line 2, got the byte 0xff" + UTF8),
        ("a,b\xe9\n1,2\n".encode("utf-16"), "UTF-8 text in PATH, line 1, got the byte 0xff" + UTF8),
        (
            'a,b\n1,"' + "2" * 140000 + '"\n',
            "comma-separated values in PATH, line 2, got 'field larger than field limit (131072)'",
        ),
        (
            "2" * 140000,
            "comma-separated values in PATH, line 1, got 'field larger than field limit (131072)'",
        ),
    ],
)
def test_load_csv_refuses(read, tmp_path, text, sentence):
    sentence = "load_csv: expected " + sentence.replace("PATH", str(tmp_path / "a.csv"))
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        read(text)


@pytest.mark.parametrize(("target", "hint"), [("kindd", "did you mean 'kind'?"), (2, "there are 2, counted from 0")])
def test_an_unknown_target_is_refused(read, tmp_path, target, hint):
    sentence = (
        f"load_csv: expected target to be the name or the place of a column in {tmp_path}/a.csv, got {target!r}; {hint}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read("size,kind\n1,2\n", target=target)


def test_a_file_that_is_too_large_is_refused_unread(read, tmp_path):
    sentence = f"load_csv: expected {tmp_path}/a.csv to hold at most 3 bytes, got 8; give max_bytes if that is right"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        read("a,b\n1,2\n", max_bytes=3)


@QUICK
@given(
    rows=st.lists(st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=8)
)
def test_what_was_written_is_read(read, rows):
    data = read("a,b,c,t\n" + "".join(f"{a!r},{b!r},{c!r},x\n" for a, b, c in rows))
    assert np.array_equal(data.x, np.array(rows, dtype=np.float32))


@QUICK
@given(content=st.one_of(st.binary(max_size=80), st.text(alphabet='0123456789.,;\n\r"ab -', max_size=80)))
def test_any_bytes_end_in_a_table_or_a_format_error(read, content):
    try:
        data = read(content)
    except FormatError:
        return
    assert len(data.x) == len(data.y) > 0
    assert np.isfinite(data.x).all()


@pytest.mark.parametrize("cell", ["1_000", "\u0661\u0662", "\uff11\uff12"])
def test_what_only_python_takes_for_a_number_is_none(read, cell):
    with pytest.raises(FormatError, match=f"expected a number in .* got '{cell}'"):
        read(f"a,t\n5,0\n{cell},1\n")


def test_classes_with_underscores_stay_apart(read):
    assert read("a,t\n1,1_1\n2,1_2\n3,11\n").classes == ("11", "1_1", "1_2")


def test_long_whole_numbers_are_not_rounded_into_one_class(read):
    data = read("a,t\n1,123456789012345678\n2,123456789012345679\n")
    assert data.classes == (123456789012345678, 123456789012345679)
    assert data.y.tolist() == [0, 1]


@pytest.mark.parametrize("word", ["NA", "null", "None", "n/a"])
@pytest.mark.parametrize("last", ["2.5", "2"])
def test_a_target_of_numbers_that_is_missing_is_no_class(read, word, last):
    with pytest.raises(FormatError, match=f"expected a target in .* line 3, column 't', got '{word}'; missing='drop'"):
        read(f"a,t\n1,1\n2,{word}\n3,{last}\n")
    data = read(f"a,t\n1,1\n2,{word}\n3,{last}\n", missing="drop")
    assert data.x.tolist() == [[1], [3]]
    assert data.y.reshape(-1).tolist() == ([1, 2.5] if last == "2.5" else [0, 1])


def test_a_word_among_targets_that_are_words_is_a_class_though_it_might_mean_nothing(read):
    assert read("a,t\n1,yes\n2,na\n").classes == ("na", "yes")


def test_one_word_makes_no_classes_of_measurements(read):
    rows = "".join(f"{i},{i / 2}\n" for i in range(9))
    with pytest.raises(FormatError, match="expected a number, as in other rows, in .* line 11, column 't', got 'low'"):
        read(f"a,t\n{rows}3,low\n")


def test_a_quote_that_is_never_closed_swallows_no_rows(read):
    with pytest.raises(FormatError, match="expected comma-separated values in .* got 'unexpected end of data'"):
        read('a,t\n1,x\n2,"y\n3,x\n4,y\n')


def test_a_quoted_cell_may_follow_a_space(read):
    data = read('a, "t"\n1, "2"\n3, "4, 5"\n')
    assert data.target_name == "t"
    assert data.classes == ("2", "4, 5")


@pytest.mark.parametrize("target", [1.7, float("inf"), ["a"], True])
def test_a_target_is_a_name_or_a_place(read, target):
    with pytest.raises(TypeError, match="^load_csv: expected target to be the name or the place of a column in "):
        read("a,b,c\n1,2,3\n4,5,6\n", target=target)


@pytest.mark.parametrize(("cell", "decimal"), [('"1,234"', "."), ("1.234", ",")])
def test_thousands_are_not_said_to_be_fractions(read, cell, decimal):
    with pytest.raises(FormatError, match="; write thousands without a mark"):
        read(f"a;t\n{cell};0\n2;1\n", decimal=decimal, separator=";")


def test_thousands_of_columns_are_read_and_read_again(read):
    width = 12000
    text = ",".join(f"gene{i}" for i in range(width)) + ",t\n" + (",".join(["1.5"] * width) + ",1\n") * 2
    data = read(text, missing="mean")
    again = read(text, table=data.table)
    assert data.x.shape == again.x.shape == (2, width)
