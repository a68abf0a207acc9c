"""The example about facts that decide which scheme to take runs, and says what the book does."""

import re

from tests.example_scripts import example


def test_facts_of_schemes(capsys):
    example("scheme_facts")
    text = capsys.readouterr().out
    orders = dict(re.findall(r"^  (\S+) +((?:\d ){4} y \d, z \d)$", text, re.MULTILINE))
    assert orders["wso-dirk-4-3"] == "4 1 3 4  y 2, z 2"
    assert orders["radau-iia-3"] == "5 3 3 4  y 5, z 3"  # HW II, Table VII.4.1
    laws = dict(re.findall(r"^  (\S+) +(swings|comes to rest)$", text, re.MULTILINE))
    assert (laws["I"], laws["PI"]) == ("swings", "comes to rest")  # HW II, IV.2
    assert re.search(r"rk4 +1\.675\n", text)
    assert "6 rounds of 16 evaluations, on 3 processors" in text
