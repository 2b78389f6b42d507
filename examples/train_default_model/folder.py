"""A model as a folder that sentence-transformers, transformers and Semblance read."""

import json
import pathlib

import bert
import torch
from safetensors.torch import save_file


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_description(config, tokens, folder):
    """All but the weights."""
    folder = pathlib.Path(folder)
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    (folder / "2_Normalize").mkdir(exist_ok=True)
    keys = ["model_type", "architectures", "hidden_act", "hidden_size", "num_hidden_layers",
            "num_attention_heads", "intermediate_size", "max_position_embeddings",
            "type_vocab_size", "vocab_size", "layer_norm_eps", "pad_token_id"]
    write_json(folder / "config.json", {key: config[key] for key in keys})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None,
        "tokenize_chinese_chars": True, "model_max_length": config["max_position_embeddings"],
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
        "mask_token": "[MASK]"})
    write_json(folder / "modules.json", [
        {"idx": number, "name": str(number), "path": path,
         "type": f"sentence_transformers.models.{name}"}
        for number, (path, name) in enumerate(
            [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])])
    write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": config["hidden_size"], "pooling_mode_cls_token": True,
        "pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False})
    write_json(folder / "sentence_bert_config.json", {
        "max_seq_length": config["max_position_embeddings"], "do_lower_case": False})
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")


def write_folder(model, tokens, folder):
    """With float32 weights."""
    folder = pathlib.Path(folder)
    write_description(model.config, tokens, folder)
    weights = {bert.checkpoint_name(name): value.detach().float().cpu().contiguous()
               for name, value in model.state_dict().items()}
    unfinished = folder / "model.safetensors.part"
    save_file(weights, unfinished, metadata={"format": "pt"})
    unfinished.replace(folder / "model.safetensors")


def tokens_of_folder(folder):
    return (pathlib.Path(folder) / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
