"""Training steps of a perceptron by PyTorch, as many as every line of the input asks for.

Arguments: the share of hidden units left out, Adam's learning rate, the widths of the layers.
The first line of the output is PyTorch's version. The answer to a line "MINIBATCH THREADS STEPS"
is "SECONDS ADAM": what these steps took, and the implementation of Adam, which is the fastest here.
"""

import functools
import sys
import time

import torch
from torch import nn

DROPOUT, LEARNING_RATE = map(float, sys.argv[1:3])
INPUTS, *HIDDEN, CLASSES = map(int, sys.argv[3:])
MINIBATCHES = 8
ADAMS = {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}


class Training:
    """A network in training on random images."""

    def __init__(self, minibatch, **adam):
        layers, width = [], INPUTS
        for hidden in HIDDEN:
            layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(DROPOUT)]
            width = hidden
        self.network = nn.Sequential(*layers, nn.Linear(width, CLASSES))
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE, **adam)
        self.images = torch.randn(MINIBATCHES, minibatch, INPUTS)
        self.labels = torch.randint(CLASSES, (MINIBATCHES, minibatch))
        self.number = 0

    def step(self):
        self.number = (self.number + 1) % MINIBATCHES
        logits = self.network(self.images[self.number])
        loss = nn.functional.cross_entropy(logits, self.labels[self.number])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def seconds(self, steps):
        started = time.perf_counter()
        for _ in range(steps):
            self.step()
        return time.perf_counter() - started


@functools.cache
def fastest(minibatch, threads):
    """The implementation of Adam with the fastest ten steps, and a network trained by it."""
    trainings = {name: Training(minibatch, **adam) for name, adam in ADAMS.items()}
    times = {name: [] for name in trainings}
    for _ in range(3):
        for name, training in trainings.items():
            times[name].append(training.seconds(10))
    name = min(times, key=lambda name: min(times[name]))
    return name, trainings[name]


print(torch.__version__, flush=True)
for line in sys.stdin:
    minibatch, threads, steps = map(int, line.split())
    torch.set_num_threads(threads)
    name, training = fastest(minibatch, threads)
    print(training.seconds(steps), name, flush=True)
