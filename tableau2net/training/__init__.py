"""Training on images: a recipe and data in, a folder of results out; resumable to the bit."""

from tableau2net.data.load import Data, ImageData, load_data
from tableau2net.data.resident_feed import Feed, FetchedFeed
from tableau2net.recipes.presets import PRESETS, Preset
from tableau2net.recipes.recipe import Recipe
from tableau2net.runs.result import Result
from tableau2net.runs.stored import load_network
from tableau2net.training.evaluation import AccuracyChange, compare_accuracy
from tableau2net.training.loop import train
from tableau2net.training.stop import Stopped

__all__ = [
    "PRESETS", "AccuracyChange", "Data", "Feed", "FetchedFeed", "ImageData", "Preset", "Recipe", "Result", "Stopped",
    "compare_accuracy", "load_data", "load_network", "train",
]  # fmt: skip
