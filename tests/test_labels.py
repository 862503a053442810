"""Labels as people read and write them."""

from __future__ import annotations

import csv

from kwsd.labels import enumerated, spelt


def test_labels_are_told_as_options_take_them() -> None:
    told = enumerated(["yes", "nein, danke"])
    assert told == 'yes, "nein, danke"'
    assert next(csv.reader([told], skipinitialspace=True)) == ["yes", "nein, danke"]
    assert enumerated([str(number) for number in range(5)], 2) == "0, 1 and 3 more"


def test_a_label_is_known_in_another_case_and_with_umlauts_of_two_characters() -> None:
    assert spelt("GRU\u0308N", ["rot", "gr\u00fcn"]) == "gr\u00fcn"
    assert spelt("Gr\u00fcn", ["gru\u0308n"]) == "gru\u0308n"
    assert spelt("GR\u00dcN", ["gr\u00fcn", "Gr\u00fcn"]) == "GR\u00dcN"
