"""Training on images: a recipe and data in, a folder of results out; resumable to the bit."""

from tableau2net.data.arrays import Arrays
from tableau2net.data.data import Data
from tableau2net.data.disk import DiskData
from tableau2net.data.feed import Feed
from tableau2net.data.fetched_feed import FetchedFeed
from tableau2net.data.images import ImageData
from tableau2net.data.load import load_data
from tableau2net.data.sources import SourceRequest, register_source
from tableau2net.recipes.presets import PRESETS, Preset
from tableau2net.recipes.recipe import Recipe
from tableau2net.runs.result import Result
from tableau2net.runs.run_spec import RunSpec
from tableau2net.runs.stored import load_network
from tableau2net.training.evaluation import AccuracyChange, compare_accuracy
from tableau2net.training.loop import train
from tableau2net.training.stop import Stopped

__all__ = [
    "PRESETS", "AccuracyChange", "Arrays", "Data", "DiskData", "Feed", "FetchedFeed", "ImageData", "Preset", "Recipe",
    "Result", "RunSpec", "SourceRequest", "Stopped", "compare_accuracy", "load_data", "load_network", "register_source",
    "train",
]  # fmt: skip
