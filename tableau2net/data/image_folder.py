"""Images in folders by class, the layout of ImageNet: they stay on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tableau2net.data.disk import DiskData
from tableau2net.data.listing import Listing, class_names, list_images
from tableau2net.data.sources import SourceRequest
from tableau2net.errors import InputError

LAYOUT = "expected train/CLASS/… and val/CLASS/… or test/CLASS/…"


@dataclass(frozen=True, eq=False)
class FolderData(DiskData):
    """A data set of a folder train/ and a folder val/ or test/, each with a folder of images for each class.

    Labels are the places of the names of train's folders in order. Images are tested on that are in test/, else those
    in val/; where both are there, val/ is held out.
    """

    train: Listing
    validation: Listing | None
    test: Listing

    @classmethod
    def read(cls, request: SourceRequest) -> Self:
        """What is in a folder, no image opened yet.

        Raises InputError, one line, for a folder that is laid out otherwise, and for numbers that do not fit."""
        root = Path(request.source)
        known = class_names(root / "train") if (root / "train").is_dir() else ()
        if not known:
            raise InputError(f"{root}: has no folders of images in train/; {LAYOUT}")
        parts = {part: listing for part in ("test", "val") if (listing := _evaluated(root, part, known))}
        if not parts:
            raise InputError(f"{root}: has no folders of images in val/ or test/; {LAYOUT}")
        if request.validation and len(parts) == 2:
            raise InputError(f"--validation {request.validation}: {root} has val/ held out beside test/; leave it at 0")
        test = parts.get("test") or parts["val"]
        held = parts["val"] if len(parts) == 2 else None
        return cls.of(request, known, train=list_images(root / "train", known, known), validation=held, test=test)

    def fetch(self, item: tuple[Path, int]) -> tuple[Path, int]:
        """The path of an image, and its label."""
        return item


def _evaluated(root: Path, part: str, known: tuple[str, ...]) -> Listing | None:
    """The images of val/ or test/; None where there are none by class: ImageNet's test images have no labels."""
    folder = root / part
    classes = class_names(folder) if folder.is_dir() else ()
    if strange := [name for name in classes if name not in set(known)]:
        raise InputError(f"{folder / strange[0]}: is no class of {root / 'train'}; the folders there are the classes")
    return list_images(folder, classes, known) if classes else None
