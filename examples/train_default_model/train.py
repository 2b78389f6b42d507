"""Trains the student on the teacher's vectors; resumable, and writes the newest model every time.

The loss is 1 - cosine to the teacher's vector, plus the squared error of all similarities inside
the batch, plus that of the similarities inside a group of related sentences. The word embeddings
are frozen for the first part; in the last part the forward pass sees the weights in 4 bits.
"""

import argparse
import contextlib
import json
import math
import pathlib
import random
import time

import numpy
import torch

import bert
import device
from evaluate import correlation
from fake_quantization import quantized_weights
from folder import tokens_of_folder, write_folder
from tokens import token_ids, tokenizer


def groups_of(shard, tokenize):
    """[(ids of each sentence, vectors [sentences, hidden])] of one file of encode_teacher.py."""
    with numpy.load(shard) as arrays:
        ids = token_ids(tokenize, arrays["sentences"].tolist())
        ends = numpy.cumsum(arrays["group_sizes"])
        vectors = arrays["vectors"]
        return [(ids[end - size:end], vectors[end - size:end])
                for size, end in zip(arrays["group_sizes"], ends)]


def batches_of(groups, batch_size, source):
    """Groups of like length together, in random order."""
    order = sorted(range(len(groups)),
                   key=lambda row: max(map(len, groups[row][0])) + source.random())
    batches, batch, count = [], [], 0
    for row in order:
        batch.append(groups[row])
        count += len(groups[row][0])
        if count >= batch_size:
            batches.append(batch)
            batch, count = [], 0
    source.shuffle(batches)
    return batches


def loss_of(model, batch, on):
    id_lists = [ids for group in batch for ids in group[0]]
    target = torch.from_numpy(numpy.concatenate([group[1] for group in batch])).float().to(on)
    owner = torch.repeat_interleave(
        torch.arange(len(batch)), torch.tensor([len(group[0]) for group in batch])).to(on)
    vectors = model(*device.padded(id_lists, on))
    distance = (1 - (vectors * target).sum(-1)).mean()
    error = (vectors @ vectors.T - target @ target.T).square()
    near = (owner[:, None] == owner[None, :]).float().fill_diagonal_(0)
    far = error.mean()
    within = (error * near).sum() / near.sum().clamp(min=1)
    return distance + 5 * far + 5 * within, (distance.item(), far.item(), within.item())


def rate(progress, peak, warm_up):
    if progress < warm_up:
        return peak * progress / warm_up
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, progress))))


class Training:
    def __init__(self, arguments):
        self.arguments = arguments
        self.on = device.chosen(arguments)
        self.tokens = tokens_of_folder(arguments.start)
        self.tokenize = tokenizer(arguments.start / "vocab.txt")
        self.model = bert.load(arguments.start).to(self.on)
        frozen = ["word_embeddings", "position_embeddings", "token_type_embeddings"]
        parts = {True: [], False: []}
        for name, parameter in self.model.named_parameters():
            parts[name.split(".")[0] in frozen].append(parameter)
        self.embeddings = parts[True]
        self.optimizer = torch.optim.AdamW(
            [{"params": parts[False], "weight_decay": 0.01},
             {"params": parts[True], "weight_decay": 0.0}], betas=(0.9, 0.98))
        self.seen, self.step, self.pass_number = 0, 0, 0
        self.state_file = arguments.output / "training_state.pt"
        if self.state_file.exists():
            state = torch.load(self.state_file, map_location=self.on)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.seen, self.step = state["seen"], state["step"]
            self.pass_number = state["pass_number"]

    def progress(self):
        return self.seen / self.arguments.sentences

    def log(self, **values):
        line = json.dumps({"step": self.step, "seen": self.seen,
                           **{name: round(value, 5) if isinstance(value, float) else value
                              for name, value in values.items()}})
        print(line, flush=True)
        with open(self.arguments.output / "training.log", "a", encoding="utf-8") as lines:
            lines.write(line + "\n")

    def save(self):
        unfinished = self.state_file.with_suffix(".part")
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                    "seen": self.seen, "step": self.step, "pass_number": self.pass_number},
                   unfinished)
        unfinished.replace(self.state_file)
        write_folder(self.model, self.tokens, self.arguments.output)
        if self.arguments.dev:
            with self.weights_of_the_file():
                scores = {path.name: correlation(self.model, self.tokenize, path, self.on, 500)
                          for path in self.arguments.dev}
            self.log(**{name: float(score) for name, score in scores.items()})

    def weights_of_the_file(self):
        if self.progress() >= self.arguments.quantize_from:
            return quantized_weights(self.model)
        return contextlib.nullcontext()

    def train_on(self, batch):
        thawed = self.progress() >= self.arguments.thaw_from
        for parameter in self.embeddings:
            parameter.requires_grad_(thawed)
        learning_rate = rate(self.progress(), self.arguments.rate, 0.01)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.param_groups[1]["lr"] = learning_rate / 2
        with self.weights_of_the_file():
            loss, parts = loss_of(self.model, batch, self.on)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seen += sum(len(group[0]) for group in batch)
        self.step += 1
        return parts

    def run(self):
        started = saved = time.monotonic()
        self.log(torch=torch.__version__, device=str(self.on), **{
            name: getattr(self.arguments, name)
            for name in ["sentences", "batch_size", "rate", "thaw_from", "quantize_from", "seed"]})
        sums, count = numpy.zeros(3), 0
        while self.progress() < 1:
            # Of random order in each pass, some shards at a time: their neighbours in length are
            # then nearer. An interrupted pass is begun anew in another order.
            source = random.Random(self.arguments.seed + self.pass_number)
            shards = sorted(self.arguments.teacher_vectors.glob("shard-*.npz"))
            source.shuffle(shards)
            for shard in shards:
                for batch in batches_of(groups_of(shard, self.tokenize),
                                        self.arguments.batch_size, source):
                    sums, count = sums + self.train_on(batch), count + 1
                    if self.step % 50 == 0:
                        distance, far, within = (sums / count).tolist()
                        self.log(distance=distance, far=far, within=within,
                                 seconds=time.monotonic() - started)
                        sums, count = numpy.zeros(3), 0
                    if time.monotonic() - saved > 60 * self.arguments.save_minutes:
                        self.save()
                        saved = time.monotonic()
                    if self.progress() >= 1:
                        break
                if self.progress() >= 1:
                    break
            self.pass_number += 1
        self.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("start", type=pathlib.Path, help="the folder of make_student.py")
    parser.add_argument("teacher_vectors", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--sentences", type=int, default=600000, help="to train on, repeats counted")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--thaw-from", type=float, default=0.5, help="part of the run")
    parser.add_argument("--quantize-from", type=float, default=0.75, help="part of the run")
    parser.add_argument("--save-minutes", type=float, default=8)
    parser.add_argument("--dev", type=pathlib.Path, nargs="*", default=[],
                        help="score files to watch (the first 500 pairs), never test files")
    parser.add_argument("--seed", type=int, default=7)
    device.add_options(parser)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    Training(arguments).run()


if __name__ == "__main__":
    main()
