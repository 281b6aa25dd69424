"""Tests of the table of public reports."""

import pathlib

import pytest

from benchmarks.zoo import public_reports
from benchmarks.zoo.cases import HALVES, public

PAGE = pathlib.Path(__file__).parents[3] / "docs/explanation/public-reports.md"


@pytest.mark.parametrize("half", HALVES)
def test_the_page_holds_the_table_as_it_is(half):
    assert public_reports.page(half) in PAGE.read_text()


@pytest.mark.parametrize("half", HALVES)
def test_each_case_is_a_row(half):
    rows = public_reports.page(half).splitlines()[2:]
    cases = [case for case in public.CASES if case.half == half]
    assert len(rows) == len(cases)
    assert all(sum(f"]({case.source})" in row for row in rows) == 1 for case in cases)


def test_a_row_says_what_is_right_and_what_a_fault_costs():
    rows = {
        case.name: row
        for case in public.CASES
        for row in public_reports.page("calibration").splitlines()
        if f"]({case.source})" in row
    }
    faulty = rows["public: integers divided to zero"]
    assert "`unnormalized_inputs`" in faulty
    assert "wrong by" in rows["public: a class folder is missing in validation"]
    healthy = rows["public: dropout while training alone"]
    assert "nothing is wrong" in healthy
    assert "by usual fixes" in healthy
