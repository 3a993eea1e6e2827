"""The page about frameworks: its file, its chart and its words do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ritornello.score.chord_chart import ChordChart
from ritornello.score.framework import Framework
from ritornello.score.framework_reader import parse_framework

PAGE = (Path(__file__).parents[2] / "docs" / "framework.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    match = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


def test_the_file_is_one_of_ours() -> None:
    framework = parse_framework(block("json"))
    assert framework.to_json() == block("json")
    assert framework.open_layers(1) == ("melody",)


def test_the_chart_and_the_python_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = "# comments" + PAGE.split("\n# comments")[1].split("```")[0]
    assert [len(section.bars) for section in ChordChart.parse(chart).sections] == [8, 4]
    monkeypatch.chdir(tmp_path)
    Path("chart.txt").write_text("[A]\n" + "G | " * 8, encoding="utf-8")
    code = block("python")
    names: dict[str, Framework] = {}
    exec(code, names)
    assert repr(names["plan"].open_layers(1)) in code
    assert (tmp_path / "plan.mid").exists()


def test_the_smallest_framework_and_the_error() -> None:
    small = re.search(r"`(\{\"version\".*?\})`", PAGE)
    assert small and parse_framework(small[1]) == Framework.from_form("A8B8A8", "Em")
    bad = block("json").replace('"basic_pitch": "A4"', '"basic_pitch": 200')
    with pytest.raises(ValueError, match=r"basic_pitch: 200 is out of range; use 1 to 127, or 0 for none"):
        parse_framework(bad)
