"""The student before training: some of the teacher's layers, its embeddings, a trimmed vocabulary."""

import argparse
import json
import pathlib

import bert
from folder import write_folder
from tokens import token_ids, tokenizer
from vocabulary import trimmed


def tokens_of(text, vocabulary, tokenize):
    """The tokens that the text has."""
    seen = set()
    with open(text, encoding="utf-8") as lines:
        while batch := lines.readlines(1 << 22):
            sentences = "".join(batch).replace("\n", "\t").split("\t")
            for ids in token_ids(tokenize, sentences):
                seen.update(ids)
    return {vocabulary[token] for token in seen}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--layers", default="0,3", help="of the teacher, counted from 0")
    arguments = parser.parse_args()

    vocabulary_file = arguments.teacher / "vocab.txt"
    vocabulary = vocabulary_file.read_text(encoding="utf-8").rstrip("\n").split("\n")
    tokenize = tokenizer(vocabulary_file)
    tokens, rows = trimmed(vocabulary, tokens_of(arguments.text, vocabulary, tokenize))

    teacher = bert.load(arguments.teacher)
    layers = [int(number) for number in arguments.layers.split(",")]
    config = teacher.config | {"num_hidden_layers": len(layers), "vocab_size": len(tokens)}
    student = bert.Bert(config)
    weights = {name: value for name, value in teacher.state_dict().items()
               if not name.startswith("layers.")}
    weights["word_embeddings.weight"] = weights["word_embeddings.weight"][rows]
    for place, number in enumerate(layers):
        for name, value in teacher.layers[number].state_dict().items():
            weights[f"layers.{place}.{name}"] = value
    student.load_state_dict(weights)
    write_folder(student, tokens, arguments.output)
    print(f"{len(tokens)} of {len(vocabulary)} tokens, layers {layers}: "
          f"{json.dumps(config)}")


if __name__ == "__main__":
    main()
