"""Tests of the table of public reports."""

import pathlib

from benchmarks.zoo import public_reports
from benchmarks.zoo.cases import public

PAGE = pathlib.Path(__file__).parents[3] / "docs/explanation/public-reports.md"


def test_the_page_holds_the_table_as_it_is():
    assert public_reports.page() in PAGE.read_text()


def test_each_case_is_a_row():
    rows = public_reports.page().splitlines()[2:]
    assert len(rows) == len(public.CASES)
    assert all(sum(case.source in row for row in rows) == 1 for case in public.CASES)


def test_a_row_says_what_is_right_and_what_a_fault_costs():
    rows = {
        case.name: row
        for case in public.CASES
        for row in public_reports.page().splitlines()
        if f"]({case.source})" in row
    }
    faulty = rows["public: integers divided to zero"]
    assert "`unnormalized_inputs`" in faulty
    assert "wrong by" in rows["public: a class folder is missing in validation"]
    healthy = rows["public: dropout while training alone"]
    assert "nothing is wrong" in healthy
    assert "by usual fixes" in healthy
