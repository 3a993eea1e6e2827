"""The listening-test kit: hidden trials on one offline page, answers read back, shares and means with intervals.

It knows no model: it compares folders of music with songs by people. `build` draws the trials and makes the page,
`read_test` and `read_answers` read them back, `analyze` counts, `simulate` says what a test of some size can show.
"""

from ritornello.evaluation.listening.analysis import analyze
from ritornello.evaluation.listening.answers import Answers, read_answers
from ritornello.evaluation.listening.build import Built, build
from ritornello.evaluation.listening.protocol import Protocol, read_test
from ritornello.evaluation.listening.simulation import simulate

__all__ = ["Answers", "Built", "Protocol", "analyze", "build", "read_answers", "read_test", "simulate"]
