"""Images restored by a flow, and where it ends: TNRD (Chen & Pock 2017) at one level of noise, or one field for all
levels with a terminal time by policies (DURR; Zhang, Lu, Liu, Dong 2019).

python examples/denoise.py TRAIN TEST --model tnrd5_7x7 --sigma 25 --minutes 40
python examples/denoise.py TRAIN TEST --model durr-diffusion --sigma 15 50 --levels 15 25 35 45 55 65 --out durr

TRAIN and TEST are folders of images, made grey and from 0 to 1. Noise is Gaussian of a deviation of 255, not cut off;
that of test image i is drawn by seed i. PSNR and SSIM are of whole images, what is restored being put back into 0 to 1.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn.endpoints.noise import noise_level
from tableau2net.nn.endpoints.policies import ByLevel, Continue, Fixed, Learnt, Morozov, Oracle
from tableau2net.nn.families.restoration import Unfolding
from tableau2net.training.similarity import psnr, similarity

HELD = 16  # of the images to train on, the last ones: policies are fitted to them, and training is watched by them


def read(folder):
    """The images of a folder, each (1, 1, H, W)."""
    files = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp"))
    if not files:
        raise SystemExit(f"{folder}: no images in it (png, jpg, bmp)")
    grey = [np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255 for path in files]
    return [torch.from_numpy(image)[None, None] for image in grey]


def noisy(clean, sigma, seed):
    return clean + sigma / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


def quality(u, clean):
    """PSNR of images and what it is after they are put back into 0 to 1."""
    return psnr((u.clamp(0, 1) - clean).square().mean((1, 2, 3)))


def crops(images, count, side):
    """Squares from anywhere, mirrored and turned as chance is at."""
    side = min(side, *(min(image.shape[2:]) for image in images))
    found = []
    for k in torch.randint(len(images), (count,)).tolist():
        _, _, height, width = images[k].shape
        a, b = int(torch.randint(height - side + 1, ())), int(torch.randint(width - side + 1, ()))
        found.append(images[k][:, :, a : a + side, b : b + side].rot90(int(torch.randint(4, ())), (2, 3)))
    squares = torch.cat(found)
    return squares.flip(3) if torch.rand(()) < 0.5 else squares


def restored(net, f, sigma):
    """By a field for all levels until its table's time for the noise, which training knows; else what `net` says."""
    if not isinstance(net, Unfolding):
        return net(f)
    y, end = net.opening(f), float(net.endpoint.at(torch.tensor([sigma / 255])))
    for n in range(math.ceil(end)):
        y = y + min(1, end - n) * (net.block(y) - y)
    return net.head(y)


def train(net, images, sigmas, seconds, wall=math.inf, rate=1e-2, batch=4, side=64, out=None):
    """Adam for so many seconds of processor time, its rate along half a cosine; what is kept is a running mean of the
    weights. At one level the loss is the mean square, at several its logarithm, so that each level counts alike."""
    inner, held = images[:-HELD], images[-HELD:]
    mean = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, betas=(0.9, 0.99))
    begun, clock, step, told = time.process_time(), time.time(), 0, 0
    while (part := max((time.process_time() - begun) / seconds, (time.time() - clock) / wall)) < 1:
        optimiser.param_groups[0]["lr"] = rate * min(1, part / 0.01) * (1 + math.cos(math.pi * part)) / 2
        sigma = float(torch.empty(()).uniform_(sigmas[0], sigmas[-1]))
        clean = crops(inner, batch, side)
        wrong = functional.mse_loss(restored(net, clean + sigma / 255 * torch.randn_like(clean), sigma), clean)
        optimiser.zero_grad()
        (wrong if sigmas[0] == sigmas[-1] else wrong.log()).backward()
        optimiser.step()
        step += 1
        for name, p in net.named_parameters():
            mean[name].lerp_(p.detach(), max(0.002, 9 / (step + 10)))
        if part >= told / 10:
            told += 1
            now = {name: p.detach().clone() for name, p in net.named_parameters()}
            net.load_state_dict(mean, strict=False)
            print(f"{time.process_time() - begun:5.0f} s, {step} steps: {watched(net, held, sigmas)}", flush=True)
            if out is not None:
                torch.save(net.state_dict(), out)
            net.load_state_dict(now, strict=False)
    net.load_state_dict(mean, strict=False)
    return step


@torch.no_grad()
def watched(net, held, sigmas):
    levels = sorted({sigmas[0], sigmas[-1]})
    found = [
        sum(float(quality(restored(net, noisy(x, s, i), s), x)) for i, x in enumerate(held)) / len(held) for s in levels
    ]
    return ", ".join(f"{p:.2f} dB at σ = {s:g}" for s, p in zip(levels, found, strict=True))


@torch.no_grad()
def paths(net, images, sigma, most):
    """The flow of each image, with the clean one."""
    for i, clean in enumerate(images):
        yield net.path(noisy(clean, sigma, i), most), clean


def policies(net, images, sigmas, levels, most, seconds):
    """Policies by name, fitted to images that were held out, and what they were fitted to: {level: [best times]}."""
    best, seen, curves = {}, [], []
    for sigma in levels:
        found = list(paths(net, images[-HELD:], sigma, most))
        seen.append(float(np.mean([float(noise_level(path.noisy)) for path, _ in found])))
        best[sigma] = [float(Oracle(clean)(path)) for path, clean in found]
        curves += [quality(path.images[:, 0], clean) for path, clean in found]
    fixed = Fixed(float(torch.stack(curves).mean(0).argmax()))
    fitted = ByLevel(seen, [float(np.mean(times)) for times in best.values()])
    net.endpoint.times.copy_(fitted.at(net.endpoint.levels))  # goes with the weights
    learnt = learnt_policy(net, images[:-HELD], levels, most, seconds)
    return {"fixed": fixed, "table": net.endpoint, "morozov": Morozov(), "learnt": learnt}, best


def learnt_policy(net, images, levels, most, seconds):
    """What going on gains, learnt from flows of squares at all levels: made for half of the time, for the other
    they are learnt from."""
    learnt, flows, begun = Learnt(Continue()), [], time.process_time()
    optimiser = torch.optim.Adam(learnt.parameters(), lr=3e-3)
    while (part := (time.process_time() - begun) / seconds) < 1:
        if part < 0.5 or not flows:
            sigma, clean = float(torch.empty(()).uniform_(levels[0], levels[-1])), crops(images, 4, 64)
            with torch.no_grad():
                flows.append((net.path(clean + sigma / 255 * torch.randn_like(clean), most), clean))
            continue
        optimiser.param_groups[0]["lr"] = 6e-3 * (1 - part)
        optimiser.zero_grad()
        learnt.loss(*flows[int(torch.randint(len(flows), ()))]).backward()
        optimiser.step()
    return learnt


@torch.no_grad()
def table_of(net, chosen, images, levels, most):
    """For each level and policy the mean PSNR, SSIM and time, the times of all, and the mean PSNR behind each step."""
    rows, curves = {}, {}
    for sigma in levels:
        own = {name: [] for name in ("noisy", *chosen, "oracle")}
        curve = []
        for path, clean in paths(net, images, sigma, most):
            ends = {"noisy": Fixed(0.0), **chosen, "oracle": Oracle(clean)}
            for name, policy in ends.items():
                end = policy(path)
                u = path.at(end).clamp(0, 1)
                own[name].append((float(quality(u, clean)), float(similarity(u, clean)), float(end)))
            curve.append(quality(path.images[:, 0], clean))
        rows[sigma] = {name: np.array(values) for name, values in own.items()}
        curves[sigma] = torch.stack(curve).mean(0).tolist()
        for name, values in rows[sigma].items():
            gained, alike, end = values.mean(0)
            print(f"σ = {sigma:g}  {name:8} {gained:.2f} dB  SSIM {alike:.4f}  T {end:.1f}", flush=True)
    return rows, curves


@torch.no_grad()
def drawn(net, rows, curves, table, images, most, out):
    """Three figures: PSNR against steps, when each policy stops, and images before and after."""
    from matplotlib.figure import Figure

    levels = list(rows)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for sigma in levels:
        line = axes.plot(curves[sigma], label=f"σ = {sigma:g}")[0]
        for name, mark in (("table", "s"), ("morozov", "^"), ("oracle", "*")):
            at = rows[sigma][name]
            axes.plot(at[:, 2].mean(), at[:, 0].mean(), mark, color=line.get_color())
    axes.set(xlabel="steps", ylabel="mean PSNR, dB", title="squares: table, triangles: Morozov, stars: the oracle")
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(f"{out}-steps.png", dpi=110)

    figure = Figure(figsize=(9, 1.6 * len(levels)), layout="constrained")
    last = max(float(v[:, 2].max()) for own in rows.values() for v in own.values())
    for sigma, axes in zip(levels, figure.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0], strict=True):
        names = ("table", "morozov", "learnt", "oracle")
        axes.hist([rows[sigma][name][:, 2] for name in names], bins=np.linspace(0, last, 41), label=names)
        axes.set(ylabel=f"σ = {sigma:g}")
    axes.set(xlabel="time at which images are ended")
    axes.legend(fontsize="small", ncols=4)
    figure.savefig(f"{out}-stops.png", dpi=110)

    some = images[:: max(1, len(images) // 3)][:3]
    figure = Figure(figsize=(3 * len(some), 6.6), layout="constrained")
    grid = figure.subplots(3, len(some), squeeze=False)
    for i, clean in enumerate(some):
        sigma = levels[min(i * len(levels) // len(some) + 1, len(levels) - 1)]
        f = noisy(clean, sigma, i)
        path = net.path(f, most)
        u = path.at(table(path))
        for axes, name, shown in zip(grid[:, i], (f"σ = {sigma:g}", "restored", "clean"), (f, u, clean), strict=True):
            axes.imshow(shown[0, 0].clamp(0, 1), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
            said = "" if name == "clean" else f", {float(quality(shown, clean)):.2f} dB"
            axes.set_title(name + said, fontsize="small")
    figure.savefig(f"{out}-images.png", dpi=110)


def main(given=None):
    options = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    options.add_argument("train", help="folder of images to train on")
    options.add_argument("test", help="folder of images to measure on")
    options.add_argument("--model", default="tnrd5_7x7")
    options.add_argument("--scheme", help="instead of Euler's")
    options.add_argument("--sigma", type=float, nargs="+", default=[25.0], help="a level of 255, or least and greatest")
    options.add_argument("--levels", type=float, nargs="+", help="to measure at; those of --sigma")
    options.add_argument("--minutes", type=float, default=40.0, help="of processor time, to train")
    options.add_argument("--most", type=int, help="steps that policies choose from; twice those of the network")
    options.add_argument(
        "--weights", help="weights of an earlier call, or model.safetensors of a run: nothing is trained"
    )
    options.add_argument("--out", help="beginning of the names of weights, figures and tables")
    asked = options.parse_args(given)
    if len(asked.sigma) > 2 or min(asked.sigma) < 0 or asked.sigma != sorted(asked.sigma):
        options.error("--sigma: one level, or two that rise, none below 0")
    images, tests = read(asked.train), read(asked.test)
    if len(images) <= HELD:
        options.error(f"{asked.train}: {len(images)} images; {HELD} are held out, so there must be more")
    torch.manual_seed(0)
    net = t2n.create_model(asked.model, **({"scheme": asked.scheme} if asked.scheme else {}))
    print(f"{asked.model}: {sum(p.numel() for p in net.parameters()):,} parameters")
    levels = asked.levels or asked.sigma
    if isinstance(net, Unfolding) and len(levels) < 2:
        options.error(f"--levels: two or more, for the table of {asked.model}; 15 25 35 say")
    if asked.weights:
        net.load_state_dict(torch.load(asked.weights, weights_only=True))
    else:
        train(net, images, asked.sigma, 60 * asked.minutes, out=asked.out and f"{asked.out}.pt")
        if asked.out:
            torch.save(net.state_dict(), f"{asked.out}.pt")
    if isinstance(net, Unfolding):
        most = asked.most or 2 * net.most
        chosen, best = policies(net, images, asked.sigma, levels, most, 12 * asked.minutes)
        for sigma, times in best.items():
            print(f"held out, σ = {sigma:g}: best times {np.mean(times):.2f} ± {np.std(times):.2f}")
        rows, curves = table_of(net, chosen, tests, levels, most)
        if asked.out:
            torch.save(net.state_dict(), f"{asked.out}.pt")
            drawn(net, rows, curves, chosen["table"], tests, most, asked.out)
            whole = {f"{s:g}": {name: v.tolist() for name, v in own.items()} for s, own in rows.items()}
            Path(f"{asked.out}.json").write_text(json.dumps(whole), encoding="utf-8")
        return rows
    found = {}
    for sigma in levels:
        with torch.no_grad():
            ends = [(net(noisy(x, sigma, i)).clamp(0, 1), x) for i, x in enumerate(tests)]
        found[sigma] = [(float(quality(u, x)), float(similarity(u, x))) for u, x in ends]
        print(
            f"σ = {sigma:g}: {np.mean(found[sigma], 0)[0]:.2f} dB, SSIM {np.mean(found[sigma], 0)[1]:.4f}", flush=True
        )
    return found


if __name__ == "__main__":
    main()
