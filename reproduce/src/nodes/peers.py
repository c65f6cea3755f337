"""Ranks of PyTorch: exchanges of vectors by gloo, and steps of DistributedDataParallel.

Each rank is told its plan as a file of JSON, as the ranks of the program are. Rank 0 prints what was
found as JSON: a list of samples.
"""

import json
import sys
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook
from torch.nn.parallel import DistributedDataParallel


def perceptron():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(784, 500), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(500, 500), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(500, 10),
    )


def sent_bytes():
    for line in open("/proc/self/net/dev"):
        name, _, numbers = line.partition(":")
        if name.strip() == "eth0":
            return int(numbers.split()[8])
    return 0


def most(number):
    tensor = torch.tensor([number], dtype=torch.float64)
    dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
    return tensor.item()


def timed_round(work):
    """Milliseconds of the slowest rank, and bytes of the interface that sent most."""
    most(0)
    before, begun = sent_bytes(), time.perf_counter()
    work()
    slowest = most(time.perf_counter() - begun)
    return 1e3 * slowest, int(most(sent_bytes() - before))


def samples(training, minibatch, ratio, payload):
    return {"training": training, "minibatch": minibatch, "ratio": ratio, "payload": payload,
            "sent": [], "milliseconds": [], "parts": []}


def add(found, once):
    found["milliseconds"].append(once[0])
    found["sent"].append(once[1])


def kept(inputs, ratio):
    """Pairs of a product over so many of them, as the program keeps them."""
    return min(inputs, max(10, int(ratio * inputs)))


def length(ratio):
    """Numbers of the perceptron's gradient at a ratio: the rows that are kept, and all biases."""
    rows = [(inputs, outputs) for inputs, outputs in ((784, 500), (500, 500), (500, 10))]
    return sum((kept(inputs, ratio) + 1) * outputs for inputs, outputs in rows)


def exchanges(plan):
    vectors = [torch.ones(length(ratio)) for ratio in plan["ratios"]]
    found = [samples(None, 0, ratio, 4 * len(vector))
             for ratio, vector in zip(plan["ratios"], vectors)]
    for turn in range(plan["exchanges"] + 1):
        for vector, of_vector in zip(vectors, found):
            once = timed_round(lambda: dist.all_reduce(vector))
            vector.fill_(1.0)
            if turn > 0:
                add(of_vector, once)
    return found


def stepper(model, minibatch):
    """A step of a model on the same random images."""
    size = minibatch * (dist.get_rank() + 1) // dist.get_world_size()
    size -= minibatch * dist.get_rank() // dist.get_world_size()
    x, labels = torch.randn(size, 784), torch.randint(0, 10, (size,))
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss()

    def step():
        adam.zero_grad()
        loss(model(x), labels).backward()
        adam.step()

    return step


def steps(plan):
    training = plan["trainings"][0]
    minibatch, whole = training["minibatch"], 4 * length(1.0)
    plain = DistributedDataParallel(perceptron())
    arms = [("MLP, DDP", 1.0, whole, stepper(plain, minibatch))]
    for ratio in plan["ratios"]:
        if ratio < 1:
            # A matrix of rank r is sent as two with r columns: equal bytes on the largest layer.
            rank = int(kept(784, ratio) * 500 / (784 + 500))
            model = DistributedDataParallel(perceptron())
            state = powerSGD_hook.PowerSGDState(
                None, matrix_approximation_rank=rank, start_powerSGD_iter=2,
                min_compression_rate=1)
            model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)
            arms.append((f"MLP, DDP with PowerSGD of rank {rank}", ratio, 0,
                         stepper(model, minibatch)))
    found = [samples(name, minibatch, ratio, payload) for name, ratio, payload, _ in arms]
    # The first steps of PowerSGD are plain ones.
    for turn in range(training["steps"] + 4):
        for (_, _, _, step), of_arm in zip(arms, found):
            once = timed_round(step)
            if turn > 3:
                add(of_arm, once)
    return found


def main():
    plan = json.load(open(sys.argv[1]))
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = exchanges(plan) + steps(plan)
    dist.barrier()
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


main()
