"""Tests of framework/data/rows.py."""

import sys
import types

import pytest

from framework.data import rows
from framework.errors import RunError, UsageError


def written(folder, text, name="labels.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "image,label,more\na.jpg,rose,1\n\nb.jpg, tulip ,2\n"),
        ("labels.csv", "\ufefflabel;image\r\nrose;a.jpg\r\n\r\ntulip;b.jpg"),
        ("labels.TSV", "label\timage\nrose\ta.jpg\n\ntulip\tb.jpg\n"),
        ("labels.txt", 'image,label\n"a.jpg","rose"\n\n"b.jpg",tulip\n'),
    ],
)
def test_reads_columns_by_name(tmp_path, name, text):
    table = rows.read(written(tmp_path, text, name), ["image", "label"])
    expected = {"image": ["a.jpg", "b.jpg"], "label": ["rose", "tulip"]}
    assert table.columns == expected
    assert table.where(1) == f"{tmp_path / name}, line 4"


def test_file_names_need_not_be_text(tmp_path):
    path = written(tmp_path, "image\n\xe9.jpg\n", encoding="latin-1")
    assert rows.read(path, ["image"]).columns["image"] == ["\udce9.jpg"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (None, UsageError, "there is no file"),
        ("", UsageError, "has no column 'image'; it has"),
        ("file,label\n", UsageError, "no column 'image'; it has 'file', 'label'"),
        ("image,image,label\n", UsageError, "several columns 'image'"),
        ("image,label\n", RunError, "has no rows"),
        ("image,label\na,b\nc\n", RunError, "line 3 has 1 cells, not 2"),
        ("image,label\na,b,c\n", RunError, "line 2 has 3 cells, .* contain ','"),
        ("image,label\na,b\nc,  \n", RunError, "line 3: the column 'label' is empty"),
        ("image,label\n" + "a" * 200_000 + ",b\n", RunError, "line 2 is damaged"),
    ],
)
def test_refuses(tmp_path, text, error, message):
    path = written(tmp_path, text) if text is not None else str(tmp_path / "none.csv")
    with pytest.raises(error, match=message) as caught:
        rows.read(path, ["image", "label"])
    assert "\n" not in str(caught.value)


class Content:
    """What pyarrow returns."""

    num_rows = 2

    def to_pydict(self):
        return {"image": ["a.jpg", "b.jpg"], "label": [3, None]}


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    path = written(tmp_path, "PAR1", "labels.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'whyflat\[parquet\]'"):
        rows.read(path, ["image"])
    parquet = types.SimpleNamespace(
        read_schema=lambda path: types.SimpleNamespace(names=["image", "label"]),
        read_table=lambda path, columns: Content(),
    )
    fake = types.SimpleNamespace(parquet=parquet)
    monkeypatch.setitem(sys.modules, "pyarrow", fake)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)
    with pytest.raises(RunError, match="line 2: the column 'label' is empty"):
        rows.read(path, ["image", "label"])
    with pytest.raises(UsageError, match="no column 'group'"):
        rows.read(path, ["image", "group"])
