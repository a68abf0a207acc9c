"""What people write to train on CIFAR-10: images through PIL and torchvision, worker processes, a plain loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.peers import HandWrittenResNet

MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

Pair = tuple[Tensor, Tensor]


class Images(Dataset[Pair]):
    """Arrays, uint8 (N, 32, 32, 3) and labels (N,), as torchvision's CIFAR10 gives them: one image at a time."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y.tolist()
        self.change = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, DEVIATION),
            ]
        )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Pair:
        return self.change(Image.fromarray(self.x[index])), self.y[index]


def loader(x: np.ndarray, y: np.ndarray, batch: int, workers: int, pinned: bool = False) -> DataLoader[Pair]:
    return DataLoader(Images(x, y), batch, shuffle=True, num_workers=workers, pin_memory=pinned)


class Script:
    """A hand-written ResNet, SGD, and a loop that looks at the loss after every step."""

    def __init__(self, depth: int, batches: DataLoader[Pair], device: torch.device, precision: str) -> None:
        self.model: nn.Module = HandWrittenResNet((depth - 2) // 6).to(device)
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
        self.criterion = nn.CrossEntropyLoss()
        self.device, self.precision, self.batches = device, precision, batches
        self.coming: Iterator[Pair] = iter(())
        self.loss, self.right = 0.0, 0

    def steps(self, count: int) -> None:
        for _ in range(count):
            x, y = self.next()
            x, y = x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
            self.optimiser.zero_grad()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                scores = self.model(x)
                loss = self.criterion(scores, y)
            loss.backward()
            self.optimiser.step()
            self.loss += loss.item()
            self.right += scores.max(1)[1].eq(y).sum().item()

    def next(self) -> Pair:
        try:
            return next(self.coming)
        except StopIteration:
            self.coming = iter(self.batches)
            return next(self.coming)
