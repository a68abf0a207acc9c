"""Training on pictures: a recipe and data in, a folder of results out; resumable to the bit."""

from tableau2net.training.data import Data, ImageData, load_data
from tableau2net.training.evaluation import AccuracyChange, compare_accuracy
from tableau2net.training.feed import Feed, FetchedFeed
from tableau2net.training.loop import train
from tableau2net.training.presets import PRESETS, Preset
from tableau2net.training.recipe import Recipe
from tableau2net.training.results import Result
from tableau2net.training.stop import Stopped
from tableau2net.training.stored import load_network

__all__ = [
    "PRESETS", "AccuracyChange", "Data", "Feed", "FetchedFeed", "ImageData", "Preset", "Recipe", "Result", "Stopped",
    "compare_accuracy", "load_data", "load_network", "train",
]  # fmt: skip
