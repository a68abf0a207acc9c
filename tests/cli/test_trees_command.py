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
