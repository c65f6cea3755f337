"""Sampled layers of the released code by PyTorch, as often as every line of the input asks for.

Argument: the folder with the package approx_mul_pytorch. The first line of the output is PyTorch's
version. The answer to a line "linear THREADS BATCH INPUTS OUTPUTS PERCENT LEAST TIMES" or
"convolution THREADS BATCH CHANNELS HEIGHT WIDTH OUTPUTS SIDE PADDING PERCENT LEAST TIMES", where so
many per cent of the pairs are kept, but no less than LEAST, is what the forward passes and the
gradients of input, weights and biases took in seconds.
"""

import functools
import sys
import time

import torch

sys.path.insert(0, sys.argv[1])
from approx_mul_pytorch.functional.approx_conv2d import conv2d_top_k  # noqa: E402
from approx_mul_pytorch.functional.approx_linear import linear_top_k  # noqa: E402


# Those of one layer: more would only take memory.
@functools.lru_cache(maxsize=1)
def tensors(kind, batch, *shape):
    """Input, weights and biases, and the gradient of the output."""
    if kind == "linear":
        inputs, outputs = shape
        shapes = (batch, inputs), (outputs, inputs), (outputs,), (batch, outputs)
    else:
        channels, height, width, outputs, side, padding = shape
        rows, columns = (length + 2 * padding - side + 1 for length in (height, width))
        kernels = (outputs, channels, side, side)
        shapes = (batch, channels, height, width), kernels, (outputs,), (batch, outputs, rows, columns)
    *parameters, gradient = (torch.randn(shape) for shape in shapes)
    return [parameter.requires_grad_() for parameter in parameters], gradient


def step(kind, batch, *numbers):
    *shape, percent, least = numbers
    (x, weights, biases), gradient = tensors(kind, batch, *shape)
    if kind == "linear":
        y = linear_top_k(x, weights.t(), biases, percent / 100, least)
    else:
        y = conv2d_top_k(x, weights, biases, 1, shape[-1], 1, 1, percent / 100, least)
    torch.autograd.grad(y, (x, weights, biases), gradient)


print(torch.__version__, flush=True)
for line in sys.stdin:
    kind, *numbers = line.split()
    threads, *numbers, times = map(int, numbers)
    torch.set_num_threads(threads)
    started = time.perf_counter()
    for _ in range(times):
        step(kind, *numbers)
    print(time.perf_counter() - started, flush=True)
