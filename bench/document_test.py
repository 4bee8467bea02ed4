#!/usr/bin/env python3
# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""What the document says of results: who counts, who is ahead, who is told never to be served."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from document import Figures, cell, summary  # noqa: E402
from rows import ROWS, Row  # noqa: E402


def figures_of(row, values):
    """`values`: {(peer, metric): what each run with two workers said}"""
    results = {(row.workload, row.full, metric, peer, 2): runs
               for (peer, metric), runs in values.items()}
    figures = Figures(row, results)
    figures.others = {row.title: figures}
    return figures


def row(**options):
    return Row("Title", "load", "10", "10", "rate", "things/s", "", workers=(2,), **options)


class Document(unittest.TestCase):
    def test_a_peer_that_is_slower_than_five_percent_ahead_is_not_ahead(self):
        near = figures_of(row(), {("troupe", "rate"): [100.0], ("go", "rate"): [104.0]})
        far = figures_of(row(), {("troupe", "rate"): [100.0], ("go", "rate"): [110.0]})
        self.assertIn("nowhere in this run", summary([near]))
        self.assertIn("Go is 1.1x better", summary([far]))

    def test_a_peer_that_does_something_else_is_shown_and_not_counted(self):
        apart = row(apart={"go": "Something else."}, goals=(("best", 2),))
        figures = figures_of(apart, {("troupe", "rate"): [100.0], ("go", "rate"): [900.0],
                                     ("caf", "rate"): [50.0]})
        self.assertEqual(cell(figures, "go"), "*900*")
        self.assertEqual([met for _, met in figures.verdicts()], [True])
        self.assertIn("nowhere in this run", summary([figures]))

    def test_the_lateness_of_those_who_starve_is_no_figure(self):
        served = row(served="served", less_is_better=True, goals=(("best", 1),))
        figures = figures_of(served, {
            ("troupe", "rate"): [5.0], ("troupe", "served"): [10.0], ("troupe", "expected"): [10.0],
            ("caf", "rate"): [0.05], ("caf", "served"): [0.0], ("caf", "expected"): [10.0],
            ("go", "rate"): [0.05], ("go", "served"): [5.0], ("go", "expected"): [10.0]})
        self.assertEqual(cell(figures, "caf"), "never served")
        self.assertEqual(cell(figures, "go"), "50% served")
        self.assertEqual([met for _, met in figures.verdicts()], [True, True])

    def test_cost_that_grows_is_a_goal_missed(self):
        small = figures_of(row(), {("troupe", "rate"): [100.0]})
        large = figures_of(row(flat_with=("Small", 1.3)), {("troupe", "rate"): [70.0]})
        large.others = {"Small": small}
        self.assertEqual([met for _, met in large.verdicts()], [False])

    def test_every_row_that_is_compared_with_another_finds_it(self):
        titles = {known.title for known in ROWS}
        self.assertEqual(len(titles), len(ROWS))
        for known in ROWS:
            self.assertTrue(not known.flat_with or known.flat_with[0] in titles, known.title)


unittest.main()
