"""Every option of `train` with values that no run can have: one short line, exit status 2, before any output."""

import pytest
import torch

from tableau2net.errors import InputError
from tableau2net.training import Recipe
from tableau2net.training.environment import choose_device

HUGE = "9" * 20
WRONG = {
    "--device": ["mps", "meta", "nonsense", "", "cpu\nx", "hpu", "vulkan", "cpu:99999999999", "x" * 500, "fpga", "ipu"],
    "--engine": ["graph", "compile-graph", "nonsense", ""],
    "--precision": ["float64", "bf16", ""],
    "--num-threads": ["0", "-1", "99999999999", "many"],
    "--epochs": [HUGE, "0", "-1", "1.5", "1000001"],
    "--batch-size": ["0", "-1", HUGE],
    "--optimiser": ["x", ""],
    "--schedule": ["x", ""],
    "--lr": ["nan", "inf", "-inf", "1e400", "-1", "0", "x"],
    "--milestone": ["x", "nan", "inf", "2", "-1", "1/0", "", "1/2/3", "9" * 500],
    "--refine-at": ["x", "nan", "0", "1", "2"],
    "--momentum": ["nan", "1", "-1", "inf"],
    "--weight-decay": ["nan", "inf", "-1"],
    "--warmup": ["nan", "inf", "-1", "9999"],
    "--label-smoothing": ["nan", "1", "-1"],
    "--ema": ["nan", "1", "-1"],
    "--smoothness": ["nan", "-1", "1"],
    "--clip": ["x", "1", "1,2,3", "nan,1", "0,1", "inf,1", ""],
    "--cutout": ["-1", "99", HUGE],
    "--mixup": ["nan", "inf", "-1"],
    "--adversary": ["x", "", "pgd-0", "pgd-1-1", "yopo-5", "fgsm-1", "yopo-1-1-1", "pgd-" + "9" * 500],
    "--epsilon": ["8/255", "x", "", "nan", "inf", "-1", "8", "1/0", "8/255/1", "9" * 500],
    "--attack-step": ["0.1", "x", "nan", "-1"],
    "--ramp": ["0", "nan", "inf", "-1", "1", "161"],
    "--beta": ["6", "nan", "-1"],
    "--split": ["1", "-1", HUGE],
    "--evaluate": ["x", "", "pgd", "pgd-0", "pgd-20-0", "fgsm-1", "pgd-20-1-1", "a\nb"],
    "--evaluate-step": ["2/255", "x", "nan", "-1", "2"],
    "--evaluate-every": ["0", "2", "-1", "x", HUGE],
    "--seed": ["-1", "9" * 30, "x", str(2**63)],
    "--max-seconds": ["0", "-1", "nan", "x"],
    "--validation": ["-1", "40", HUGE],
    "--limit-train": ["0", "-1", "41", HUGE],
    "--size": ["7", "0", "-1"],
    "--workers": ["-1", "x"],
    "--preset": ["x"],
    "--data": [
        "x", "glyphs:0", f"glyphs:{HUGE}", "glyphs:1:2:3", "none.npz", "/dev/null", "/dev/zero", "a\nb",
        "glyphs:" + "9" * 5000,
    ],
    "--model": ["x", "resnet9", "resnet0", "resnet99999999999999", "", "../x", "resnet" + "9" * 5000, "torchvision/x"],
    "--scheme": ["x", "/dev/zero", "a\nb"],
    "--depth": ["9", "0", "-1", HUGE],
    "--option": ["x", "x=1", "=1", "widths=abc", "survival=nan", "depth=3", "num_classes=3", "begun=1"],
    "--coefficients": ["x"],
    "--sharing": ["x"],
    "--shortcut": ["x"],
    "--history": ["x"],
    "--stage-weights": ["x"],
    "--keep-order": ["0", "-1", "99", HUGE],
    "--backward": ["x"],
    "--out": ["/dev/null", "/proc/x", "x" * 5000],
}  # fmt: skip
# What is wrong with these is told by the option that has it, whatever the field is called.
BY_OPTION = ["--adversary", "--epsilon", "--attack-step", "--ramp", "--beta", "--split", "--evaluate",
             "--evaluate-step", "--evaluate-every"]  # fmt: skip
# Only these networks take what the options mean.
WITH = {"--keep-order": ["--scheme", "rk4"], "--depth": ["--scheme", "euler"]}


@pytest.mark.parametrize("option", WRONG)
def test_what_no_run_can_have(option, run, tmp_path):
    network = WITH.get(option, ["--model", "resnet8"])
    for value in WRONG[option]:
        given = ["train", *network, "--data", "glyphs:40:20", "--out", tmp_path / "run", "--max-seconds", "0.01"]
        code, out, err = run(*given, option, value)
        assert (code, out, len(err.splitlines())) == (2, "", 1), value[:40]
        if option in BY_OPTION:
            assert option in err
        assert len(err) < (1100 if option == "--out" else 420), value[:40]
        assert not (tmp_path / "run").exists(), value[:40]


def test_the_scheme_is_shown_once_all_is_known_to_be_sound(run, tmp_path):
    given = ["train", "--scheme", "rk4", "--depth", "8", "--data", "glyphs:40:20", "--quiet", "--out", tmp_path / "run"]
    code, out, _ = run(*given, "--epochs", "1", "--batch-size", "40")
    assert code == 0
    assert out.startswith("rk4")
    assert f"Results go to {tmp_path / 'run'}" in out
    code, out, err = run(*given)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "is not empty" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:7", "cuda:x", "xpu", "mps"])
def test_a_device_that_is_not_there(name):
    with pytest.raises(InputError) as caught:
        choose_device(name)
    line = str(caught.value)
    assert line.startswith(f"--device {name}: cannot be used here (")
    assert line.endswith("; try cpu or cuda")
    assert len(line) < 220


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": "3"}, {"epochs": 1.5}, {"epochs": None}, {"epochs": True}, {"epochs": 10**5000}, {"lr": "fast"},
        {"lr": None}, {"lr": 10**400}, {"milestones": 0.5}, {"milestones": "half"}, {"milestones": [None]}, {"clip": 3},
        {"clip": (1.0,)}, {"augment": 1}, {"nesterov": "no"}, {"optimiser": None}, {"betas": (0.9,)}, {"refine": 0.5},
        {"batch_size": [1]}, {"cutout": 1.0}, {"refine": [0.5] * 9},
    ],
)  # fmt: skip
def test_recipes_of_the_wrong_kind(changes):
    with pytest.raises(InputError, match=f"^recipe: {next(iter(changes))} is ") as caught:
        Recipe(**changes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_recipe_of_lists_and_whole_numbers():
    assert Recipe(lr=1, milestones=[0.5, 0.75], clip=[1, 2]) == Recipe(lr=1.0, clip=(1.0, 2.0))
