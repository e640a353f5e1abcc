"""Tables that cannot be audited: each mistake is told with its count and what to do."""

import ibis
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from fairlead.errors import ConfigurationError, DataError, FairleadError, UnknownNameError, UnreadableFileError
from fairlead.tables import AnswerColumns, AuditColumns, count_table, open_table

pytestmark = pytest.mark.filterwarnings("ignore:fetch_.* is deprecated:DeprecationWarning")  # ibis 12 on DuckDB 1.5

N = 600
RNG = np.random.default_rng(0)
GOOD = {
    "y": ["no", "yes"] * (N // 2),
    "p": np.round(RNG.random(N), 3),
    "said": ["no", "no", "yes"] * (N // 3),
    "sex": ["f", "m", "m"] * (N // 3),
}


def check_refused(error, says, audit=None, **changed):
    rows = {name: column for name, column in {**GOOD, **changed}.items() if column is not None}
    with pytest.raises(error) as caught:
        count_table(ibis.memtable(pa.table(rows)), audit or asked(), "said.parquet")
    for text in says:
        assert text in str(caught.value)


def asked(prediction="p", sensitive=("sex",), *, threshold=None, positive=None, **others):
    return AuditColumns(AnswerColumns("y", prediction, threshold, positive), sensitive, **others)


@pytest.mark.parametrize(
    ("audit", "near"),
    [
        (AuditColumns(AnswerColumns("yy", "p"), ("sex",)), "'y'"),
        (asked("sayd"), "'said'"),
        (asked(sensitive=("sexx",)), "'sex'"),
        (asked(cluster="sez"), "'sex'"),
        (asked(intersections=(("sex", "saidd"),)), "'said'"),
    ],
)
def test_a_wrong_column_is_answered_with_the_near_one(audit, near):
    check_refused(UnknownNameError, ["did you mean", near, "said.parquet"], audit)


def put(column, place, value):
    changed = list(column)
    changed[place] = value
    return changed


def test_predictions_that_are_none():
    probabilities = list(map(float, GOOD["p"]))
    check_refused(DataError, ["1 of 600 rows of said.parquet have no prediction in p"], p=put(probabilities, 3, None))
    check_refused(DataError, ["1 of 600", "not a number (NaN)", "predict again"], p=put(probabilities, 3, float("nan")))
    check_refused(
        DataError,
        ["2 of 600", "from -0.5 to 7.5", "sigmoid"],
        p=put(put(probabilities, 3, 7.5), 4, -0.5),
    )
    check_refused(DataError, ["1 of 600", "no prediction in said"], asked("said"), said=put(GOOD["said"], 5, " "))


def test_probabilities_that_do_not_sum_to_one():
    half = np.full(N, 0.5)
    check_refused(
        DataError, ["600 of 600", "do not sum to 1", "p_no, p_yes"], asked("p"), p=None, p_no=half, p_yes=half * 0.9
    )


def test_truths_that_are_none():
    check_refused(DataError, ["'y'", "no value in any row"], y=pa.nulls(N, pa.string()))
    split = asked(split="test")
    marks = ["test"] * 10 + ["val"] * (N - 10)
    check_refused(
        DataError, ["none of the 10 rows", "the truth of some"], split, split=marks, y=[None] * 10 + GOOD["y"][10:]
    )
    check_refused(DataError, ["'y'", "no classes", "put a number into classes"], y=RNG.random(N))
    check_refused(DataError, ["one class alone, no", "another class"], asked("said"), y=["no"] * N, said=["no"] * N)


def test_classes_that_do_not_fit():
    check_refused(ConfigurationError, ["one probability", "a, no, yes", "each class a column"], y=["a", *GOOD["y"][1:]])
    check_refused(
        FairleadError,
        ["no class of 'said' (left, right)", "'y' (no, yes)"],
        asked("said"),
        said=["left", "right"] * (N // 2),
    )
    check_refused(UnknownNameError, ["did you mean 'yes'"], asked(positive="yess"))
    check_refused(ConfigurationError, ["--positive"], y=["yes"] * N)
    three = ["a", "b", "c"] * (N // 3)
    check_refused(ConfigurationError, ["leave out --positive"], asked("said", positive="a"), y=three, said=three)
    check_refused(
        DataError, ["'no'", "no column of its probability"], asked("q"), q_maybe=np.full(N, 0.5), q_yes=np.full(N, 0.5)
    )


def test_a_threshold_needs_a_probability():
    check_refused(ConfigurationError, ["holds classes", "--threshold"], asked("said", threshold=0.3))
    thirds = {f"q_{name}": np.full(N, 1 / 3) for name in "abc"}
    check_refused(ConfigurationError, ["two classes", "3 columns"], asked("q", threshold=0.3), **thirds)
    with pytest.raises(ConfigurationError, match="above 0 and up to 1"):
        AnswerColumns("y", "p", threshold=1.5)


def test_sensitive_columns_that_make_no_groups():
    check_refused(DataError, ["'sex'", "no value in any row", "another column"], sex=pa.nulls(N, pa.string()))
    check_refused(DataError, ["'sex'", "no value in any row"], sex=[" "] * N)
    check_refused(DataError, ["holds numbers", "--bins sex=0.2"], sex=RNG.random(N))
    check_refused(DataError, ["holds numbers", "--bins sex=1"], sex=RNG.integers(0, 70, N))
    streets = [f"street {row}" for row in range(N)]
    check_refused(DataError, ["more than 256", "coarser column with --sensitive"], sex=streets)
    check_refused(ConfigurationError, ["'sex'", "single values"], sex=[[1]] * N)
    check_refused(DataError, ["(missing)", "leave those cells empty"], sex=["(missing)"] * N)
    check_refused(ConfigurationError, ["not numbers", "--bins"], asked(bins={"sex": (1.0,)}))


def test_ten_thousand_values_that_the_first_rows_do_not_show(monkeypatch):
    monkeypatch.setattr("fairlead.tables.counting._PEEK", 10)
    rows = 10_000
    table = {
        "y": [0, 1] * (rows // 2),
        "p": [0.5] * rows,
        "sex": ["f"] * 20 + [f"s{row}" for row in range(rows - 20)],
        "age": [1] * 20 + list(range(rows - 20)),
    }
    with pytest.raises(DataError, match="'sex' of the table has more than 256"):
        count_table(ibis.memtable(pa.table(table)), asked())
    with pytest.raises(DataError, match="--bins age=2"):
        count_table(ibis.memtable(pa.table(table)), asked(sensitive=("age",)))


def test_a_constant_column_is_one_group():
    rows = ibis.memtable(pa.table({**GOOD, "sex": ["f"] * N}))
    assert count_table(rows, asked()).tallies[0].by.groups == ("f",)


def test_rows_without_a_cluster():
    check_refused(
        DataError,
        ["2 of 600", "'patient'", "--cluster"],
        asked(cluster="patient"),
        patient=["", None, *["a"] * (N - 2)],
    )


def test_splits():
    marks = ["train", "test"] * (N // 2)
    check_refused(ConfigurationError, ["test, train", "--split test"], split=marks)
    check_refused(UnknownNameError, ["'tset'", "did you mean 'test'"], asked(split="tset"), split=marks)
    check_refused(UnknownNameError, ["column of splits 'split'"], asked(split="test"))
    check_refused(DataError, ["more than 50"], asked(split="test"), split=list(map(str, range(N))))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sensitive": ()}, "--sensitive"),
        ({"sensitive": ("y",)}, "as well"),
        ({"sensitive": ("sex",), "intersections": (("sex", "sex"),)}, "two or more different"),
        ({"sensitive": ("sex",), "bins": {"age": (4.0,)}}, "--sensitive age"),
        ({"sensitive": ("age",), "bins": {"age": (6.0, 4.0)}}, "ascend"),
    ],
)
def test_columns_that_contradict_each_other(settings, says):
    with pytest.raises(ConfigurationError, match=says):
        AuditColumns(AnswerColumns("y", "p"), **settings)


def opened(path, **settings):
    with open_table(path, **settings) as table:
        return count_table(table, asked(), path.name)


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "said.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UnreadableFileError, match=r"said\.parquet cannot be read as a table"):
        opened(tmp_path / "said.parquet")
    with pytest.raises(UnknownNameError, match=r"did you mean 'said\.parquet'"):
        opened(tmp_path / "sayd.parquet")
    with pytest.raises(DataError, match="no file or folder"):
        opened(tmp_path / "nowhere" / "said.parquet")
    (tmp_path / "said.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match="must end in"):
        opened(tmp_path / "said.xlsx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no Parquet files"):
        opened(tmp_path / "empty")
    (tmp_path / "none.csv").write_text("y,p,sex\n")
    with pytest.raises(DataError):
        opened(tmp_path / "none.csv")
    with pytest.raises(ConfigurationError, match="2GB"):
        opened(tmp_path / "none.csv", memory="much")


def test_a_row_that_breaks_a_file_of_text_is_named(tmp_path):
    file = tmp_path / "said.csv"
    file.write_text("y,p,sex\n" + "a,0.5,f\nb,0.25,m\n" * 15_000 + "a,oops,f\n")
    with pytest.raises(UnreadableFileError, match=r"Line: 30002.*oops"):
        opened(file)


def test_too_little_memory_is_told(tmp_path):
    rows = 400_000
    file = tmp_path / "said.parquet"
    columns = {"y": np.arange(rows) % 2, "p": RNG.random(rows), "sex": ["f"] * rows, "patient": np.arange(rows)}
    parquet.write_table(pa.table(columns), file)
    with pytest.raises(DataError, match=r"more than 5MB.*--memory"), open_table(file, memory="5MB", threads=1) as table:
        count_table(table, asked(cluster="patient"))


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "said.csv").write_text("y,p,sex\n0,0.5,f\n1,0.7,m\n")
    assert opened(tmp_path / "said.csv").rows == 2
    assert [item.name for item in tmp_path.iterdir()] == ["said.csv"]
