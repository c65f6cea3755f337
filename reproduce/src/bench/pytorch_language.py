"""Training steps of two language models by PyTorch, as many as every line of the input asks for.

Argument: the number of different words. The first line of the output is PyTorch's version. The answer
to a line "MODEL THREADS STEPS" is what these steps took in seconds; model 0 is of long short-term
memory, model 1 a transformer.
"""

import functools
import sys
import time

import torch
from torch import nn

WORDS = int(sys.argv[1])
MINIBATCHES = 8


class Lstm(nn.Module):
    """Zaremba, Sutskever and Vinyals (2014), small: 20 sequences in windows of 20."""

    shape, norm = (20, 20), 0.25

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 200)
        self.layers = nn.LSTM(200, 200, num_layers=2)
        self.words = nn.Linear(200, WORDS)
        self.carried = None

    def optimizer(self):
        return torch.optim.SGD(self.parameters(), lr=20.0)

    def forward(self, words):
        output, carried = self.layers(self.embedding(words), self.carried)
        self.carried = tuple(part.detach() for part in carried)
        return self.words(output)


class Transformer(nn.Module):
    """Two blocks of width 128, normalised before: 16 sequences of 64."""

    shape, norm = (64, 16), 1.0

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 128)
        self.positions = nn.Parameter(0.02 * torch.randn(64, 1, 128))
        block = nn.TransformerEncoderLayer(
            128, 4, 512, dropout=0.0, activation="gelu", norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, 2, nn.LayerNorm(128), enable_nested_tensor=False)
        self.words = nn.Linear(128, WORDS)
        mask = nn.Transformer.generate_square_subsequent_mask(64)
        self.register_buffer("mask", mask)

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)

    def forward(self, words):
        tokens = self.embedding(words) + self.positions
        return self.words(self.blocks(tokens, mask=self.mask, is_causal=True))


class Training:
    """A model in training on random words."""

    def __init__(self, model):
        self.model = model()
        self.optimizer = self.model.optimizer()
        self.words = torch.randint(WORDS, (MINIBATCHES, *model.shape))
        self.labels = torch.randint(WORDS, (MINIBATCHES, *model.shape))
        self.number = 0

    def step(self):
        self.number = (self.number + 1) % MINIBATCHES
        logits = self.model(self.words[self.number]).view(-1, WORDS)
        loss = nn.functional.cross_entropy(logits, self.labels[self.number].view(-1))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.model.norm)
        self.optimizer.step()


@functools.cache
def training(model):
    return Training([Lstm, Transformer][model])


print(torch.__version__, flush=True)
for line in sys.stdin:
    model, threads, steps = map(int, line.split())
    torch.set_num_threads(threads)
    this = training(model)
    started = time.perf_counter()
    for _ in range(steps):
        this.step()
    print(time.perf_counter() - started, flush=True)
