"""Labels as people read and write them."""

from __future__ import annotations

import csv

from kwsd.labels import enumerated


def test_labels_are_told_as_options_take_them() -> None:
    told = enumerated(["yes", "nein, danke"])
    assert told == 'yes, "nein, danke"'
    assert next(csv.reader([told], skipinitialspace=True)) == ["yes", "nein, danke"]
    assert enumerated([str(number) for number in range(5)], 2) == "0, 1 and 3 more"
