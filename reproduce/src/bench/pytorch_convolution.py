"""Convolutions by PyTorch, as often as every line of the input asks for.

Argument: the layout of images, NCHW or NHWC. The first line of the output is PyTorch's version. The
answer to a line "PRODUCT THREADS IMAGES CHANNELS HEIGHT WIDTH OUTPUTS ROWS COLUMNS STRIDE PADDING TIMES",
with kernels of so many rows and columns and the product forward, input-gradient or kernel-gradient, is
what they took in seconds.
"""

import functools
import sys
import time

import torch

FORMAT = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}[sys.argv[1]]
MASKS = {"input-gradient": [True, False, False], "kernel-gradient": [False, True, False]}


# Those of one convolution: more would only take memory.
@functools.lru_cache(maxsize=1)
def tensors(images, channels, height, width, outputs, rows, columns, stride, padding):
    """The input, the kernels and the gradient of the output, which here is the output itself."""
    shapes = (images, channels, height, width), (outputs, channels, rows, columns)
    source, kernels = (torch.randn(shape).to(memory_format=FORMAT) for shape in shapes)
    return source, kernels, torch.conv2d(source, kernels, None, stride, padding)


def call(product, *shape):
    source, kernels, gradient = tensors(*shape)
    stride, padding = shape[-2:]
    if product == "forward":
        return lambda: torch.conv2d(source, kernels, None, stride, padding)
    strides, paddings = [stride, stride], [padding, padding]
    return lambda: torch.ops.aten.convolution_backward(
        gradient, source, kernels, None, strides, paddings, [1, 1], False, [0, 0], 1, MASKS[product]
    )


print(torch.__version__, flush=True)
with torch.no_grad():
    for line in sys.stdin:
        product, *numbers = line.split()
        threads, *shape, times = map(int, numbers)
        torch.set_num_threads(threads)
        convolve = call(product, *shape)
        started = time.perf_counter()
        for _ in range(times):
            convolve()
        print(time.perf_counter() - started, flush=True)
