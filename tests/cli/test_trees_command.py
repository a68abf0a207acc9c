"""`tableau2net trees`."""

import xml.etree.ElementTree as ET


def test_the_command(run, tmp_path):
    code, out, _ = run("trees", 3)
    assert code == 0
    assert "Σ_ij b_i a_ij c_j = 1/6" in out
    assert "●" in out
    assert "1/9 ≠ 1/12" in run("trees", 4, "--scheme", "rk3")[1]
    code, out, _ = run("trees", 3, "--as", "svg", "-o", tmp_path / "trees.svg")
    assert (code, out) == (0, "")
    assert ET.parse(tmp_path / "trees.svg").getroot().tag.endswith("svg")
    for arguments, said in (
        ([99], "ask for 10 at most"),
        ([3, "--as", "pdf"], "write one of art"),
        ([3, "--stages", 2], "--as equations"),
        ([3, "--family", "multistep"], "have no trees"),
        ([3, "--scheme", "rk4", "--as", "python"], "--scheme"),
    ):
        code, out, err = run("trees", *arguments)
        assert (code, out) == (2, "")
        assert said in err


def test_the_ending_says_what_is_written(run, tmp_path):
    for name, begins in (("t.svg", "<svg"), ("t.json", "{"), ("t.tex", "\\"), ("t.py", ""), ("t.txt", " ")):
        assert run("trees", 3, "-o", tmp_path / name)[0] == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    assert run("trees", 3, "--as", "svg", "-o", tmp_path / "plain")[0] == 0
    for form, name in (("svg", "t.png"), ("svg", "a.txt"), ("text", "a.svg"), ("art", "a.pdf")):
        code, out, err = run("trees", 3, "--as", form, "-o", tmp_path / name)
        assert (code, out) == (2, "")
        assert "end the file's name so" in err
        assert not (tmp_path / name).exists()
