"""Training on pictures: a recipe and data in, a folder of results out; resumable to the bit."""

from tableau2net.training.data import ImageData, load_data
from tableau2net.training.loop import train
from tableau2net.training.recipe import Recipe
from tableau2net.training.results import Result

__all__ = ["ImageData", "Recipe", "Result", "load_data", "train"]
