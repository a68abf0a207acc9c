"""The embedded data set: the same for the same seed, balanced, and beyond a linear model."""

import numpy as np
import pytest
from torch import nn

from tableau2net.data.glyphs import FONTS, draw_glyphs, glyph_atlas
from tableau2net.errors import InputError
from tableau2net.training import Recipe, load_data, train


def test_the_same_arguments_draw_the_same_images() -> None:
    x, y = draw_glyphs(120, split="train", seed=3)
    assert x.shape == (120, 32, 32, 3)
    assert x.dtype == np.uint8
    assert y.dtype == np.int64
    again, labels = draw_glyphs(120, split="train", seed=3)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, labels)


def test_a_smaller_set_is_the_beginning_of_a_larger_one() -> None:
    small, few = draw_glyphs(130, split="test")
    large, many = draw_glyphs(620, split="test")
    np.testing.assert_array_equal(small, large[:130])
    np.testing.assert_array_equal(few, many[:130])


def test_seeds_splits_and_chunks_differ() -> None:
    sets = [draw_glyphs(500, split="train", seed=0), draw_glyphs(500, split="train", seed=1)]
    sets += [draw_glyphs(500, split="test", seed=0)]
    more = draw_glyphs(1000, split="train", seed=0)
    sets += [(more[0][500:], more[1][500:])]
    for i, (a, _) in enumerate(sets):
        for b, _ in sets[:i]:
            assert (a != b).any(axis=(1, 2, 3)).all()  # no image is shared


@pytest.mark.parametrize("count", [0, 7, 500, 503, 1000])
def test_digits_are_balanced_to_within_one(count: int) -> None:
    counts = np.bincount(draw_glyphs(count, split="train")[1], minlength=10)
    assert counts.sum() == count
    assert counts.max() - counts.min() <= 1


def test_negative_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="negative"):
        draw_glyphs(-1, split="train")
    with pytest.raises(InputError, match="negative"):
        draw_glyphs(1, split="train", seed=-1)


def test_every_font_has_ten_digits_of_its_own_inside_their_cells() -> None:
    cells = glyph_atlas()
    assert cells.shape[:2] == (len(FONTS), 10)
    for edge in (cells[:, :, 0], cells[:, :, -1], cells[:, :, :, 0], cells[:, :, :, -1]):
        assert not edge.any()
    ink = cells.reshape(len(FONTS), 10, -1)
    assert (ink.sum(-1) > 30).all()
    for font in ink:  # a missing glyph would be drawn as the same box each time
        assert len({digit.tobytes() for digit in font}) == 10


@pytest.mark.slow
def test_resnet_20_passes_95_per_cent(tmp_path: object) -> None:
    result = train("euler", depth=20, out=f"{tmp_path}/run", recipe=Recipe(epochs=6), quiet=True)
    assert result.test_error < 5


def test_a_linear_model_stays_far_under_80_per_cent(tmp_path: object) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    nn.init.zeros_(model[1].weight)
    data = load_data("glyphs:4000:1000")
    recipe = Recipe(epochs=8, lr=0.001, augment=False)
    result = train(model=model, out=f"{tmp_path}/run", data=data, recipe=recipe, quiet=True)
    assert result.train_error < 80  # it learns something: 90 is chance
    assert result.test_error > 20
