"""torchvision's ResNet-50 on Euler, the same to the bit, and on the LM scheme with learnable coefficients.

python examples/convert_resnet50.py [IMAGE_SIZE]
"""

import sys

import torch
from torchvision.models import resnet50

from tableau2net.nn.conversion import convert

size = int(sys.argv[1]) if len(sys.argv) > 1 else 64
images = torch.randn(2, 3, size, size)
model = resnet50(weights=None).eval()  # weights="DEFAULT" for the pretrained ones

with torch.no_grad():
    same = torch.equal(convert(model, "euler")(images), model(images))
print("on Euler, the same outputs to the bit:", same)

net = convert(model, "lm")
print(net.conversion)
net.train()
net(images).logsumexp(1).sum().backward()
print("gradient of k in stage 3:", net.layer3[1].k.grad.tolist())
