"""Entry points of other packages: loaded once, when they are asked for; a broken one is named and left out."""

import subprocess
import sys
import warnings

import pytest

from tableau2net import extensions


def installed(folder, name, points, **modules):
    """A package as an installer leaves it: its modules, and what its metadata says of its entry points."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"[tableau2net.{group}]\n{name} = {target}\n" for group, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(extensions, "loaded", {})
    yield tmp_path
    for name in ("good_models", "bad_models"):
        sys.modules.pop(name, None)


def test_a_module_is_imported_once_and_only_for_its_group(site):
    installed(site, "good", {"models": "good_models"}, good_models="import builtins\nCOUNT = [1]\n")
    assert extensions.load_extensions("sources") == ()
    assert "good_models" not in sys.modules
    (module,) = extensions.load_extensions("models")
    module.COUNT.append(2)
    assert extensions.load_extensions("models")[0].COUNT == [1, 2]


@pytest.mark.parametrize(
    ("target", "text", "told"),
    [
        ("bad_models", "raise OSError('no\\nsuch thing')", "bad_models.*of bad cannot be imported: no such thing"),
        ("bad_models", "import nothing_like_it", "cannot be imported: No module named"),
        ("bad_models:made", "def made(): ...", "is no module"),
        ("bad_models:lost", "", "cannot be imported"),
    ],
)
def test_a_broken_one_is_named_and_the_others_are_loaded(site, target, text, told):
    installed(site, "bad", {"models": target}, bad_models=text)
    installed(site, "good", {"models": "good_models"}, good_models="")
    with pytest.warns(RuntimeWarning, match=told):
        assert [module.__name__ for module in extensions.load_extensions("models")] == ["good_models"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extensions.load_extensions("models")  # it is said once


def test_a_module_that_asks_while_it_is_imported_does_not_go_in_a_circle(site):
    text = "from tableau2net.extensions import load_extensions\nSEEN = load_extensions('models')\n"
    installed(site, "good", {"models": "good_models"}, good_models=text)
    assert extensions.load_extensions("models")[0].SEEN == ()


def test_nothing_is_looked_for_where_nothing_is_asked_for():
    code = "import sys, tableau2net; assert 'importlib.metadata' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
