"""Weights as the shipped file will hold them: 4 bits, blocks of 32 along the last dimension."""

import contextlib

import torch

BLOCK = 32


def quantized(weight):
    """[rows, columns] to (integers -8..7 [rows, blocks, 32], float16 scales [rows, blocks, 1]).

    The value of the largest magnitude becomes -8: its sign goes into the scale."""
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    at = blocks.abs().argmax(-1, keepdim=True)
    scales = (blocks.gather(-1, at) / -8).half()
    divisors = torch.where(scales == 0, 1, scales.float())
    return (blocks / divisors).round().clamp(-8, 7), scales


def dequantized(integers, scales):
    return (integers * scales.float()).reshape(integers.shape[0], -1)


def is_quantized(parameter):
    """Matrices are; biases and layer norms are kept as they are."""
    return parameter.dim() == 2


@contextlib.contextmanager
def quantized_weights(model):
    """Inside, the model has the weights that the file would give; afterwards its own again.

    A gradient taken inside belongs to the own weights: rounding is passed straight through."""
    own = {parameter: parameter.detach().clone()
           for parameter in model.parameters() if is_quantized(parameter)}
    try:
        with torch.no_grad():
            for parameter in own:
                parameter.copy_(dequantized(*quantized(parameter)))
        yield
    finally:
        with torch.no_grad():
            for parameter, value in own.items():
                parameter.copy_(value)
