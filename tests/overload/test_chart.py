"""Tests of the chart of an overload run."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.overload.chart import chart


def test_a_chart_has_a_line_for_each_subject_and_a_panel_for_each_kind_of_work() -> None:
    samples = [
        (kind, subject, multiple, 1 / multiple)
        for kind in ("uses 5 ms of CPU", "waits < 50 ms")
        for subject in ("gateway, adaptive", "go-zero")
        for multiple in (1, 2, 10)
    ]
    root = ElementTree.fromstring(chart(samples))
    texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(text.startswith("A use case that") for text in texts) == 2
    assert [text for text in texts if text in ("gateway, adaptive", "go-zero")] == [
        "gateway, adaptive",
        "go-zero",
    ]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == len(samples)


def test_a_chart_of_nothing_is_a_chart() -> None:
    assert chart([]).startswith("<svg")
