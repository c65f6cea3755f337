"""A whole exact training of the fast network for CIFAR-10 by PyTorch, an epoch at a time.

Argument: JSON with "training" (settings as of our training), "train" and "test" (files of images,
each a byte for the label and 3,072 for the pixels), and their "mean" and "deviation" by channel. The
first line of the output is PyTorch's version. The answer to a line "epoch THREADS" is "SECONDS LAYOUT", what its steps took and
the faster memory layout here; to "evaluate" it is the test accuracy as a share.
"""

import json
import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional

SETTINGS = json.loads(sys.argv[1])
TRAINING = SETTINGS["training"]
BATCH, EPOCHS = TRAINING["batch_size"], TRAINING["epochs"]
OPTIMIZER, LOOKAHEAD = TRAINING["optimizer"], TRAINING["lookahead"]
WIDTHS = TRAINING["network"]["widths"]
WHITENING_IMAGES = TRAINING["network"].get("whitening_images", 5000)
BORDER = TRAINING["augmentation"]["padding"]
PATCH, CLASSES, SIDE = 2, 10, 32
LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


def read(part):
    """Normalised images and their labels."""
    data = bytearray(pathlib.Path(SETTINGS[part]).read_bytes())
    records = torch.frombuffer(data, dtype=torch.uint8).view(-1, 1 + 3 * SIDE * SIDE)
    images = records[:, 1:].reshape(-1, 3, SIDE, SIDE).float() / 255
    mean, deviation = (torch.tensor(SETTINGS[name]).view(3, 1, 1) for name in ("mean", "deviation"))
    return (images - mean) / deviation, records[:, 0].long()


def whitening(images):
    """Filters that whiten patches, and their negatives."""
    patches = images.unfold(2, PATCH, 1).unfold(3, PATCH, 1).permute(0, 2, 3, 1, 4, 5)
    patches = patches.reshape(-1, 3 * PATCH * PATCH).double()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (values + 5e-4).sqrt()).T.float().reshape(-1, 3, PATCH, PATCH)
    return torch.cat([filters, -filters])


class Norm(nn.BatchNorm2d):
    """Batch normalisation whose scale stays 1."""

    def __init__(self, width):
        super().__init__(width, eps=1e-12, momentum=0.4)
        self.weight.requires_grad = False


def convolution(inputs, outputs):
    """A convolution that begins as the identity as far as it can."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:inputs])
    return layer


class Network(nn.Sequential):
    def __init__(self, filters):
        first = nn.Conv2d(3, len(filters), PATCH)
        first.weight.data = filters.clone()
        first.weight.requires_grad = False
        layers, inputs = [first, nn.GELU()], len(filters)
        for width in WIDTHS:
            layers += [convolution(inputs, width), nn.MaxPool2d(2), Norm(width), nn.GELU()]
            layers += [convolution(width, width), Norm(width), nn.GELU()]
            inputs = width
        layers += [nn.MaxPool2d(3), nn.Flatten(), nn.Linear(inputs, CLASSES, bias=False)]
        super().__init__(*layers)

    def forward(self, images):
        return super().forward(images) / 9


class Training:
    """A network in training."""

    def __init__(self, images, labels, layout):
        self.images, self.labels, self.layout = images, labels, layout
        network = Network(whitening(images[:WHITENING_IMAGES]))
        self.network = network.to(memory_format=LAYOUTS[layout])
        rate, decay = OPTIMIZER["learning_rate"], OPTIMIZER["weight_decay"]
        shifts = [layer.bias for layer in network if isinstance(layer, Norm)]
        others = [p for p in network.parameters() if p.requires_grad]
        others = [p for p in others if not any(p is shift for shift in shifts)]
        of_shifts = TRAINING["parameter_groups"][0]
        groups = [
            {"params": others, "rate": rate, "weight_decay": decay},
            {
                "params": shifts,
                "rate": rate * of_shifts["learning_rate"],
                "weight_decay": decay * of_shifts["weight_decay"],
            },
        ]
        momentum = OPTIMIZER["momentum"]
        self.optimizer = torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=True)
        self.average = {k: v.clone() for k, v in network.state_dict().items() if v.is_floating_point()}
        self.mirrored = torch.rand(len(images)) < 0.5
        self.steps, self.epochs = 0, 0
        self.total = EPOCHS * -(-len(images) // BATCH)

    def factor(self):
        """What the schedule multiplies the learning rates by."""
        share, knots = self.steps / self.total, TRAINING["schedule"]["knots"]
        for low, high in zip(knots, knots[1:]):
            if share <= high["at"]:
                between = (share - low["at"]) / (high["at"] - low["at"])
                return low["factor"] + between * (high["factor"] - low["factor"])
        return knots[-1]["factor"]

    def augmented(self, chosen):
        """Crops of these images at random places, mirrored in every second epoch."""
        padded = functional.pad(self.images[chosen], [BORDER] * 4, "reflect")
        top, left = torch.randint(2 * BORDER + 1, (2, len(chosen), 1, 1))
        rows = top + torch.arange(SIDE).view(1, SIDE, 1)
        columns = left + torch.arange(SIDE).view(1, 1, SIDE)
        image = torch.arange(len(chosen)).view(-1, 1, 1)
        cropped = padded.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)
        mirrored = (self.mirrored[chosen] ^ (self.epochs % 2 == 1)).view(-1, 1, 1, 1)
        cropped = torch.where(mirrored, cropped.flip(3), cropped)
        return cropped.contiguous(memory_format=LAYOUTS[self.layout])

    def step(self, chosen):
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * self.factor()
        smoothing = TRAINING["label_smoothing"]
        logits = self.network(self.augmented(chosen))
        loss = functional.cross_entropy(logits, self.labels[chosen], label_smoothing=smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        if self.steps == self.total:
            self.look_ahead(1.0)
        elif self.steps % LOOKAHEAD["every"] == 0:
            self.look_ahead(LOOKAHEAD["slowness"] * (self.steps / self.total) ** 3)

    def look_ahead(self, slowness):
        for name, value in self.network.state_dict().items():
            if name in self.average:
                self.average[name].lerp_(value, 1 - slowness)
                value.copy_(self.average[name])

    def epoch(self):
        self.network.train()
        frozen_after = TRAINING["parameter_groups"][1]["epochs"]
        self.network[0].bias.requires_grad = self.epochs < frozen_after
        for chosen in torch.randperm(len(self.images)).split(BATCH):
            self.step(chosen)
        self.epochs += 1

    @torch.no_grad()
    def accuracy(self, images, labels):
        """On the test images as they are, mirrored, and shifted by a pixel."""
        self.network.eval()
        right = 0
        for views, truth in zip(images.split(500), labels.split(500)):
            padded = functional.pad(views, [1] * 4, "reflect")
            shifted = [padded[:, :, :SIDE, :SIDE], padded[:, :, 2:, 2:]]
            of = [self.both(views), *map(self.both, shifted)]
            logits = 0.5 * of[0] + 0.25 * (of[1] + of[2])
            right += (logits.argmax(1) == truth).sum().item()
        return right / len(labels)

    def both(self, images):
        return (self.network(images) + self.network(images.flip(3))) / 2


def fastest(images, labels):
    """A training in the layout whose steps are faster."""
    seconds = {}
    for layout in LAYOUTS:
        trial = Training(images, labels, layout)
        trial.step(torch.arange(BATCH))
        started = time.perf_counter()
        trial.step(torch.arange(BATCH))
        trial.step(torch.arange(BATCH))
        seconds[layout] = time.perf_counter() - started
    return Training(images, labels, min(seconds, key=seconds.get))


def main():
    (images, labels), (tests, truth) = read("train"), read("test")
    print(torch.__version__, flush=True)
    training = None
    for line in sys.stdin:
        if line.strip() == "evaluate":
            print(training.accuracy(tests, truth), flush=True)
            continue
        torch.set_num_threads(int(line.split()[1]))
        training = training or fastest(images, labels)
        started = time.perf_counter()
        training.epoch()
        print(time.perf_counter() - started, training.layout, flush=True)


main()
