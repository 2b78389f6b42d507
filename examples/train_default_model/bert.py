"""The BERT encoder with [CLS] pooling, written so that a training step does no needless work.

Parameter names are those of the checkpoint. The sentence vector is the final layer at [CLS], so
the final layer computes its queries, its output and its feed-forward for that position alone.
"""

import json
import pathlib

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.num_heads = config["num_attention_heads"]
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.attention_output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, config["layer_norm_eps"])
        self.intermediate = nn.Linear(hidden, inner)
        self.output = nn.Linear(inner, hidden)
        self.output_norm = nn.LayerNorm(hidden, config["layer_norm_eps"])

    def heads(self, states):
        batch, length, hidden = states.shape
        return states.view(batch, length, self.num_heads, hidden // self.num_heads).transpose(1, 2)

    def forward(self, states, mask, first_only):
        """states [batch, length, hidden]; mask [batch, 1, 1, length], True where a token is.

        With first_only the result is [batch, 1, hidden]: the first position."""
        ours = states[:, :1] if first_only else states
        context = functional.scaled_dot_product_attention(
            self.heads(self.query(ours)), self.heads(self.key(states)),
            self.heads(self.value(states)), attn_mask=mask)
        context = context.transpose(1, 2).reshape(ours.shape)
        ours = self.attention_norm(self.attention_output(context) + ours)
        inner = functional.gelu(self.intermediate(ours))
        return self.output_norm(self.output(inner) + ours)


class Bert(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden = config["hidden_size"]
        self.config = config
        self.word_embeddings = nn.Embedding(config["vocab_size"], hidden)
        self.position_embeddings = nn.Embedding(config["max_position_embeddings"], hidden)
        self.token_type_embeddings = nn.Embedding(config["type_vocab_size"], hidden)
        self.embeddings_norm = nn.LayerNorm(hidden, config["layer_norm_eps"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))

    def forward(self, input_ids, mask):
        """input_ids, mask [batch, length] to unit vectors [batch, hidden]."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.embeddings_norm(
            self.word_embeddings(input_ids) + self.position_embeddings(positions)
            + self.token_type_embeddings.weight[0])
        mask = mask[:, None, None, :]
        for layer in self.layers:
            states = layer(states, mask, first_only=layer is self.layers[-1])
        return functional.normalize(states[:, 0], dim=-1)


IN_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}


def checkpoint_name(name):
    """The key of a parameter of Bert in a published folder's weight file."""
    parts = name.split(".")
    if parts[0] == "layers":
        return ".".join(["encoder.layer", parts[1], IN_LAYER[parts[2]], parts[3]])
    if parts[0] == "embeddings_norm":
        return "embeddings.LayerNorm." + parts[1]
    return "embeddings." + name


def load(folder):
    """Bert with the weights of a published folder."""
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    tensors = {key.removeprefix("bert."): value for key, value in tensors.items()}
    model = Bert(config)
    model.load_state_dict(
        {name: tensors[checkpoint_name(name)].float() for name in model.state_dict()})
    return model
