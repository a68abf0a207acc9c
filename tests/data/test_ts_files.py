"""Series from .ts files: as they are written, and what strangers may write."""

import sys

import numpy as np
import pytest

from tableau2net.data.ts_files import load_series, read_ts
from tableau2net.errors import InputError

HEAD = "# made up\n% too\n@problemName Made Up\n@timeStamps false\n@univariate false\n@classLabel true a b\n@data\n"
PLAIN = HEAD + "1,2,?:-4e-1, nan,6:b\n\n# between\n7:8:a\n"
STAMPED = HEAD.replace("@timeStamps false", "@TIMESTAMPS True")


@pytest.fixture
def file(tmp_path):
    def write(text, name="x.ts"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_series_of_several_lengths(file):
    found = read_ts(file(PLAIN))
    assert (found.name, found.classes, found.labels.tolist(), len(found)) == ("Made Up", ("a", "b"), [1, 0], 2)
    np.testing.assert_array_equal(found.values[0], [[1, -0.4], [2, np.nan], [np.nan, 6]])
    np.testing.assert_array_equal(found.values[1], [[7, 8]])
    assert [t.tolist() for t in found.times] == [[0, 1, 2], [0]]


def test_channels_of_several_lengths_and_without_classes(file):
    found = read_ts(file(HEAD.replace("true a b", "false") + "1,2:3\n"))
    np.testing.assert_array_equal(found.values[0], [[1, 3], [2, np.nan]])
    assert found.classes == ()
    assert found.labels.shape == (0,)


def test_time_stamps_of_each_feature(file):
    found = read_ts(file(STAMPED + "(0.5,1),(2,-3):(1,4),(2,?):b\n"))
    assert found.times[0].tolist() == [0.5, 1, 2]
    np.testing.assert_array_equal(found.values[0], [[1, np.nan], [np.nan, 4], [-3, np.nan]])


def test_dates_are_seconds(file):
    found = read_ts(file(STAMPED + "(2007-01-01 00:00:00,-1.5),(2007-01-01 01:00:30,2):a\n"))
    assert found.times[0].tolist() == [0, 3630]
    assert found.values[0].T.tolist() == [[-1.5, 2]]


REFUSED = {
    "line 8: '1;2' are not numbers": HEAD + "1;2:3:a",
    "line 8: its class 'c'": HEAD + "1:2:c",
    "line 8: a number is infinite": HEAD + "1e999:2:a",
    "line 8: '1?,2' are not numbers": HEAD + "1?,2:3,4:a",
    "line 8: '1_0' are not": HEAD + "1_0:3:a",
    "line 8: 'none' are not": STAMPED + "(1,):a",
    "line 8: '1111": HEAD + "1" * 1000 + ":2:a",
    "series 2 has 1 features, the first 2": HEAD + "1:2:a\n1:a",
    "has no series behind @data": HEAD,
    "has no line @data": "@problemName x\n",
    "line 1 is neither": "hello\n@data\n",
    "names no classes": "@classLabel true\n@data\n1:a",
    "has numbers to predict": "@targetLabel True\n@data\n1:2",
    "are not (time,value)": STAMPED + "1,2:a",
    "line 8: '(0,1),(2.5,2.0' are not": STAMPED + "(0,1),(2.5,2.0:a",
    "line 8: '(0,1)(2,2)' are not": STAMPED + "(0,1)(2,2):a",
    "@timestamps maybe: true or false": HEAD.replace("@timeStamps false", "@timeStamps maybe") + "1:2:a",
    "@classlabel : true or false": "@classLabel\n@data\n1:a",
    "names 'a' twice": HEAD.replace("a b", "a a") + "1:2:a",
    "'soon' is no time": STAMPED + "(soon,1):a",
    "two values at one time": STAMPED + "(1,1),(1,2):a",
    "are mixed in its times": STAMPED + "(1,1),(2007-01-01 00:00:00,2):a",
    "a time is not finite": STAMPED + "(nan,1):a",
    "line 8: '1,,2' are not numbers": HEAD + "1,,2:3:a",
    "not UTF-8": b"\xff\xfe",
    "line 8: more than 4,194,304 numbers": HEAD + "1" + "," * 2**22 + ":a",
    "lines, at most": "\n" * (2**20 + 1),
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_is_no_such_file_is_refused_in_a_line(says, file):
    with pytest.raises(InputError) as refused:
        read_ts(path := file(REFUSED[says]))
    assert str(path) in str(refused.value)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_two_parts_of_a_data_set(file, tmp_path, monkeypatch):
    for part in ("TRAIN", "TEST"):
        file(PLAIN, f"Made/Made_{part}.ts")
    train, test = load_series("Made", tmp_path)
    assert len(train) == len(test) == 2
    with pytest.raises(InputError, match="cannot be read"):
        load_series("Other", tmp_path)
    for name in ("../Made", 3):
        with pytest.raises(InputError, match="the name of a data set"):
            load_series(name, tmp_path)
    file(PLAIN.replace("b\n", "c\n").replace("a b", "a c"), "Made/Made_TEST.ts")
    with pytest.raises(InputError, match="other classes"):
        load_series("Made", tmp_path)
    # the installed package is found without being imported
    file("raise RuntimeError\n", "site/aeon/__init__.py")
    for part in ("TRAIN", "TEST"):
        file(PLAIN, f"site/aeon/datasets/data/Made/Made_{part}.ts")
    monkeypatch.delitem(sys.modules, "aeon", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert len(load_series("Made")[0]) == 2
    assert "aeon" not in sys.modules
    monkeypatch.setattr("tableau2net.data.ts_files.find_spec", lambda name: None)
    with pytest.raises(InputError, match="is not installed"):
        load_series("Made")
