#!/usr/bin/env python3
"""Write small seeded random models and what the reference implementations make of them.

    pip install torch transformers sentence-transformers safetensors rjieba
    make_models.py [--out DIR] [--only NAME ...]        (DIR is models/ beside this file)

Each folder is laid out as transformers or sentence-transformers save it, and has beside the model
  sentences.json         the texts
  expected.safetensors   the reference in float64, kept as float32; its metadata names the versions
  noise.json             the reference's own float32 against its float64, |difference| / max(1, |value|)
Keys of expected.safetensors:
  input_ids, attention_mask             [num_sentences, longest]        int32
  cls, mean, max, mean_sqrt_len_tokens, weightedmean, lasttoken, first_last_avg, last_two_avg,
  pooler_output                         [num_sentences, hidden_size]    from the bare encoder
  hidden_states.N                       [4, longest of the first four, hidden_size]; N = 0 is the
                                        embedding output; padding is zero
  pair.input_ids, pair.token_type_ids   [1, sequence_length]            int32
  pair.last_hidden_state                [1, sequence_length, hidden_size]
  sentence_embedding                    [num_sentences, dim]            what the folder's modules give
  sentence_embedding.NAME               the same with prompt_name=NAME (".none" is prompt="")
The weights are random: the vectors mean nothing, they only have to be the same.
"""
import argparse
import json
import math
import os
import shutil
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import safetensors
import sentence_transformers
import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from transformers import (AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertForPreTraining, BertModel, DistilBertConfig, DistilBertForMaskedLM,
                          DistilBertModel, ErnieConfig, ErnieForMaskedLM, RoFormerConfig, RoFormerForCausalLM, RoFormerForMaskedLM, RoFormerModel, RoFormerTokenizer)

HERE = Path(__file__).resolve().parent
SENTENCES = json.loads((HERE / "model_sentences.json").read_text("utf-8"))
NUM_STAGED = 4  # sentences whose hidden states are stored
PAIR = (SENTENCES[1], SENTENCES[3])
CASES = {}


def case(*names):
    def register(make):
        for name in names:
            CASES[name] = make
        return make

    return register


def versions():
    return {m.__name__: m.__version__ for m in (torch, transformers, tokenizers, sentence_transformers, safetensors)}


def vocabulary():
    """A BERT vocabulary that knows most of the sentences: [UNK] and the like are not where bert-base has them."""
    rows = ["[PAD]"] + [f"[unused{i}]" for i in range(1, 6)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    rows += list("!',-.?") + ["\u3002", "\uff01", "\uff0c", "\uff1f", "\uff1a"] + list("0123456789abcdefghijklmnopqrstuvwxyz")
    rows += ["how", "are", "you", "fine", "thank", "mix", "##ed", "bu", "##g", "em", "##o", "##ji", "re", "##sum", "##e", "na", "##ive", "12", "H", "##ow", "I", "R"]
    characters = sorted({c for s in SENTENCES for c in s if 0x4E00 <= ord(c) <= 0x9FFF} - {"\u9f98", "\u6b3e"})
    return rows + characters


VOCABULARY = vocabulary()
# RoFormer's base model has words in its vocabulary: some of the dictionary's words are here, some are not.
WORDS = ["\u4eca\u5929", "\u5929\u6c14", "\u6563\u6b65", "\u5317\u4eac", "\u4e2d\u56fd", "\u624b\u673a", "\u4e00\u6574\u5929", "\u7cdf\u7cd5"]


def tiny(**changes):
    """Sizes that are no multiple of a vector's width; three layers, so that the averages differ."""
    base = dict(vocab_size=len(VOCABULARY), hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=40,
                max_position_embeddings=48, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12)
    return {**base, **changes}


def randomise(model, seed):
    """Wide enough for sharp attention; the same for a name's place in the sorted list whatever the torch version's own init does."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if "embed_positions" in name:  # sines and cosines, computed
                continue
            norm = "norm" in name.lower()
            scale = 0.2 if p.dim() == 1 else 0.7 if "embeddings." in name else 2.0 / math.sqrt(p.shape[-1])
            p.copy_(torch.randn(p.shape, generator=g) * scale)
            if norm and name.endswith("weight"):
                p.add_(1.0)
    return model.eval()


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def write_tokenizer(folder, lower=True, tokenizer_class="BertTokenizer", model_max_length=None, vocabulary=VOCABULARY, **more):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
    config = {"do_lower_case": lower, "strip_accents": None, "tokenize_chinese_chars": True, "tokenizer_class": tokenizer_class,
              "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]", **more}
    if model_max_length is not None:
        config["model_max_length"] = model_max_length
    write_json(folder / "tokenizer_config.json", config)


def load_tokenizer(folder):
    if "RoFormerTokenizer" in (folder / "tokenizer_config.json").read_text():
        # from_pretrained of transformers 5.23 hands the splitter the path of vocab.txt in place of the vocabulary, and then no
        # word stays whole; given the vocabulary itself, the class does what it says.
        use_dictionary()
        rows = (folder / "vocab.txt").read_text("utf-8").splitlines()
        return RoFormerTokenizer(vocab={token: i for i, token in enumerate(rows)})
    return AutoTokenizer.from_pretrained(folder)


def tokenize(folder, max_length, pair=None):
    tok = load_tokenizer(folder)
    if pair:
        return tok([pair[0]], [pair[1]], truncation=True, max_length=max_length, return_token_type_ids=True, return_tensors="pt")
    return tok(SENTENCES, truncation=True, padding=True, max_length=max_length, return_token_type_ids=True, return_tensors="pt")


def poolings(hidden_states, attention_mask):
    last = hidden_states[-1]
    m = attention_mask.unsqueeze(-1).to(last.dtype)
    count = m.sum(1)
    position = torch.arange(1, m.shape[1] + 1, dtype=last.dtype).view(1, -1, 1)
    lengths = attention_mask.sum(1)

    def mean(h):
        return (h * m).sum(1) / count

    return {
        "cls": last[:, 0], "mean": mean(last), "max": last.masked_fill(m == 0, float("-inf")).max(1).values,
        "mean_sqrt_len_tokens": (last * m).sum(1) / count.sqrt(),
        "weightedmean": (last * m * position).sum(1) / (m * position).sum(1),
        "lasttoken": last[torch.arange(len(last)), lengths - 1],
        "first_last_avg": mean((hidden_states[1] + last) / 2), "last_two_avg": mean((hidden_states[-2] + last) / 2),
    }


def encoder_outputs(model, batch, pair):
    """The reference's tensors in the dtype that `model` has; `model` takes the tokenizer's tensors and gives hidden_states."""
    with torch.no_grad():
        out = model(**batch, output_hidden_states=True)
        result = poolings(out.hidden_states, batch["attention_mask"])
        if getattr(out, "pooler_output", None) is not None:
            result["pooler_output"] = out.pooler_output
        staged_mask = batch["attention_mask"][:NUM_STAGED]
        longest = int(staged_mask.sum(1).max())
        for i, h in enumerate(out.hidden_states):
            result[f"hidden_states.{i}"] = h[:NUM_STAGED, :longest] * staged_mask[:, :longest].unsqueeze(-1)
        if pair is not None:
            result["pair.last_hidden_state"] = model(**pair).last_hidden_state
    return result


def write_expected(folder, compute, fixed, seed):
    """compute(dtype) -> float tensors; fixed: integer tensors."""
    single, double = compute(torch.float32), compute(torch.float64)
    noise = {k: float(((single[k].double() - v).abs() / v.abs().clamp(min=1)).max()) for k, v in double.items()}
    assert max(noise.values()) < 1e-4, noise
    write_json(folder / "noise.json", noise)
    tensors = {k: v.float().contiguous().clone() for k, v in double.items()}
    tensors.update({k: v.to(torch.int32).contiguous() for k, v in fixed.items()})
    save_file(tensors, str(folder / "expected.safetensors"), metadata={"made_with": json.dumps({**versions(), "computed_in": "float64", "seed": seed})})
    (folder / "sentences.json").write_text(json.dumps(SENTENCES, ensure_ascii=False, indent=0) + "\n", "utf-8")


def check_padding(model, batch):
    """The reference must give a text the same alone as in a padded batch; then so must we."""
    with torch.no_grad():
        together = model(**batch).last_hidden_state
        for row, length in enumerate(batch["attention_mask"].sum(1).tolist()):
            alone = model(**{k: v[row : row + 1, :length] for k, v in batch.items()}).last_hidden_state
            assert (together[row, :length] - alone[0]).abs().max() < 1e-12


def check_published(folder, model, batch):
    """transformers itself finds the same encoder in the folder."""
    with torch.no_grad():
        found = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()(**batch).last_hidden_state
        assert (found - model(**batch).last_hidden_state).abs().max() < 1e-6, folder


def expect_encoder(folder, model, seed, max_length=48, pair=True, published=True):
    batch = dict(tokenize(folder, max_length))
    pair_batch = dict(tokenize(folder, max_length, PAIR)) if pair else None
    fixed = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    if published:
        check_published(folder, model, batch)
    check_padding(model.double(), batch)
    if pair:
        fixed["pair.input_ids"], fixed["pair.token_type_ids"] = pair_batch["input_ids"], pair_batch["token_type_ids"]
    write_expected(folder, lambda dtype: encoder_outputs(model.to(dtype), batch, pair_batch), fixed, seed)
    model.float()


def save_weights(folder, state, name="model.safetensors"):
    save_file({k: v.detach().contiguous().clone() for k, v in state.items()}, str(folder / name), metadata={"format": "pt"})


# The founding model's layout: BertForMaskedLM with an MLM head, keys under "bert.", vocab.txt and tokenizer_config.json alone.


def masked_lm(**changes):
    return randomise(BertForMaskedLM(BertConfig(**tiny(**changes))), 101)


@case("bert-mlm")
def bert_mlm(folder):
    write_tokenizer(folder)
    model = masked_lm()
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    expect_encoder(folder, model.bert, 101)


@case("bert-mlm-bin", "bert-mlm-bin-legacy", "bert-mlm-bin-sharded")
def bert_mlm_bin(folder):
    write_tokenizer(folder)
    model = masked_lm(num_hidden_layers=2, hidden_size=12, intermediate_size=20)
    model.config.save_pretrained(folder)
    state = model.state_dict()
    # transformers 4 kept this buffer in its files, and tied weights under both names
    state["bert.embeddings.position_ids"] = torch.arange(48).unsqueeze(0)
    if folder.name.endswith("sharded"):
        keys = sorted(state)
        parts = {f"pytorch_model-{i + 1:05d}-of-00002.bin": keys[i::2] for i in range(2)}
        for name, part in parts.items():
            torch.save({k: state[k].clone() for k in part}, folder / name)
        write_json(folder / "pytorch_model.bin.index.json", {"metadata": {"total_size": sum(v.numel() * v.element_size() for v in state.values())},
                                                             "weight_map": {k: name for name, part in parts.items() for k in part}})
    else:
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not folder.name.endswith("legacy"))
    expect_encoder(folder, model.bert, 101)


# Other dtypes: the reference computes from the rounded weights.


@case("bert-f16", "bert-bf16", "bert-f64", "bert-bf16-bin", "bert-f16-bin-legacy")
def bert_dtype(folder):
    write_tokenizer(folder)
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}[folder.name.split("-")[1]]
    config = BertConfig(**tiny(num_hidden_layers=1, hidden_size=12, intermediate_size=20))
    model = randomise(BertModel(config, add_pooling_layer=False), 102)
    config.save_pretrained(folder)
    state = {k: v.to(dtype) for k, v in model.state_dict().items() if v.is_floating_point()}
    if "bin" in folder.name:
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization="legacy" not in folder.name)
    else:
        save_weights(folder, state)
    model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    expect_encoder(folder, model, 102)


# TensorFlow-era names, a pooler, shards with an index.


@case("bert-sharded-gamma-beta")
def bert_gamma_beta(folder):
    write_tokenizer(folder, model_max_length=20)
    model = randomise(BertModel(BertConfig(**tiny(num_hidden_layers=2, hidden_size=12, intermediate_size=20, hidden_act="gelu_new"))), 103)
    model.config.save_pretrained(folder)
    state = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in model.state_dict().items() if v.is_floating_point()}
    keys = sorted(state)
    parts = {f"model-{i + 1:05d}-of-00003.safetensors": keys[i::3] for i in range(3)}
    for name, part in parts.items():
        save_weights(folder, {k: state[k] for k in part}, name)
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": sum(v.numel() * 4 for v in state.values())},
                                                         "weight_map": {k: name for name, part in parts.items() for k in part}})
    expect_encoder(folder, model, 103, max_length=20)


# Activations, layer_norm_eps, type_vocab_size, a cased tokenizer, heads of several widths.

VARIANTS = {
    "bert-relu-cased": (dict(hidden_act="relu", layer_norm_eps=1e-5), False),
    "bert-silu-types1": (dict(hidden_act="silu", type_vocab_size=1, num_attention_heads=3), True),
    "bert-tanh-types3": (dict(hidden_act="tanh", type_vocab_size=3, num_attention_heads=4), True),
    "bert-gelu-pytorch-tanh": (dict(hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-3, num_attention_heads=1), True),
    "bert-wide": (dict(num_hidden_layers=1, hidden_size=40, num_attention_heads=2, intermediate_size=72), True),
}


@case(*VARIANTS)
def bert_variant(folder):
    changes, lower = VARIANTS[folder.name]
    write_tokenizer(folder, lower)
    model = randomise(BertModel(BertConfig(**tiny(**{**dict(num_hidden_layers=2, hidden_size=12, intermediate_size=20), **changes}))), 104)
    model.save_pretrained(folder)
    expect_encoder(folder, model, 104, pair=changes.get("type_vocab_size", 2) > 1)


# Folders of sentence-transformers.

QUERY = "\u4e3a\u8fd9\u4e2a\u53e5\u5b50\u5199\uff1a"


def small_bert(folder, seed, **tokenizer):
    write_tokenizer(folder, **tokenizer)
    model = randomise(BertModel(BertConfig(**tiny(num_hidden_layers=2, hidden_size=16))), seed)
    model.save_pretrained(folder)


def st_modules():
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling
    return Transformer, Pooling, Dense, Normalize, LayerNorm


def expect_sentence_transformer(folder, seed, prompts=()):
    def compute(dtype):
        st = sentence_transformers.SentenceTransformer(str(folder), device="cpu").to(dtype)
        e = {"sentence_embedding": st.encode(SENTENCES, convert_to_tensor=True)}
        for name in prompts:
            how = {"prompt": ""} if name == "none" else {"prompt_name": name}
            e[f"sentence_embedding.{name}"] = st.encode(SENTENCES, convert_to_tensor=True, **how)
        assert e["sentence_embedding"].dtype == dtype
        return e

    write_expected(folder, compute, {}, seed)


def save_sentence_transformer(folder, seed, modules, **options):
    """As release 6 saves it: new class paths, pooling_mode, embedding_dimension."""
    temporary = folder.with_name(folder.name + ".base")
    small_bert(temporary, seed)
    transformer = st_modules()[0](str(temporary))
    transformer.max_seq_length = 32
    g = torch.Generator().manual_seed(seed)
    for module in modules:
        for p in module.parameters():
            p.data.copy_(torch.randn(p.shape, generator=g) * 0.4)
    st = sentence_transformers.SentenceTransformer(modules=[transformer, *modules], device="cpu", **options)
    st.save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(temporary)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("is_local", None), config.pop("local_files_only", None)
    write_json(folder / "tokenizer_config.json", config)


def write_old_modules(folder, modules):
    """modules.json before release 6: (path, class) in order."""
    write_json(folder / "modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{cls}"} for i, (path, cls) in enumerate(modules)])
    for path, _ in modules:
        (folder / path).mkdir(parents=True, exist_ok=True)


def old_pooling(dim, *modes, **more):
    names = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
             "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
    return {"word_embedding_dimension": dim, **{f"pooling_mode_{v}": k in modes for k, v in names.items()}, **more}


@case("st-mean-dense-normalize")
def st_mean_dense(folder):
    _, Pooling, Dense, Normalize, _ = st_modules()
    save_sentence_transformer(folder, 201, [Pooling(16, pooling_mode="mean"), Dense(16, 10, activation_function=torch.nn.Tanh()), Normalize()], similarity_fn_name="dot")
    expect_sentence_transformer(folder, 201)


@case("st-cls-normalize-old")
def st_cls_old(folder):  # as bge-small-zh-v1.5: lower-cases only through sentence_bert_config.json
    small_bert(folder, 202, lower=False, model_max_length=48)
    write_old_modules(folder, [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": True})
    write_json(folder / "1_Pooling/config.json", {k: v for k, v in old_pooling(16, "cls").items() if "weighted" not in k and "last" not in k})
    expect_sentence_transformer(folder, 202)


@case("st-max-prompts")
def st_prompts(folder):
    _, Pooling, _, _, _ = st_modules()
    save_sentence_transformer(folder, 203, [Pooling(16, pooling_mode="max", include_prompt=False)], prompts={"query": QUERY, "passage": "fine: "}, default_prompt_name="query")
    expect_sentence_transformer(folder, 203, ("query", "passage", "none"))


@case("st-all-modes-prompts")
def st_all_modes(folder):  # every mode beside every other, each without the prompt's tokens
    _, Pooling, _, _, _ = st_modules()
    modes = ["lasttoken", "weightedmean", "mean_sqrt_len_tokens", "mean", "max", "cls"]
    save_sentence_transformer(folder, 204, [Pooling(16, pooling_mode=modes, include_prompt=False)], prompts={"query": QUERY})
    expect_sentence_transformer(folder, 204, ("query",))


@case("st-prompt-without-sep")
def st_without_sep(folder):  # a tokenizer that puts no token behind a text: the whole prompt is left out of the mean
    _, Pooling, _, _, _ = st_modules()
    save_sentence_transformer(folder, 207, [Pooling(16, pooling_mode="mean", include_prompt=False)], prompts={"query": QUERY})
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    for name in ("single", "pair"):
        template = tokenizer["post_processor"][name]
        tokenizer["post_processor"][name] = [piece for piece in template if piece.get("SpecialToken", {}).get("id") != "[SEP]"]
    write_json(folder / "tokenizer.json", tokenizer)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    write_json(folder / "tokenizer_config.json", {**config, "tokenizer_class": "PreTrainedTokenizerFast"})
    expect_sentence_transformer(folder, 207, ("query",))


@case("st-concatenated-old")
def st_concatenated_old(folder):  # flags give cls, max, mean, ...: the order of the flags' list, not the file's
    small_bert(folder / "0_Transformer", 205)
    write_json(folder / "0_Transformer/sentence_bert_config.json", {"max_seq_length": 24, "do_lower_case": False})
    write_old_modules(folder, [("0_Transformer", "Transformer"), ("1_Pooling", "Pooling")])
    write_json(folder / "1_Pooling/config.json", old_pooling(16, "mean", "max", "cls", "lasttoken", "weightedmean", include_prompt=True))
    expect_sentence_transformer(folder, 205)


@case("st-dense-chain-old")
def st_dense_chain_old(folder):  # two Dense modules with their weights in pytorch_model.bin, LayerNorm between them
    small_bert(folder, 206)
    write_old_modules(folder, [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_LayerNorm", "LayerNorm"), ("4_Dense", "Dense"), ("5_Normalize", "Normalize")])
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 32, "do_lower_case": False})
    write_json(folder / "1_Pooling/config.json", old_pooling(16, "mean"))
    g = torch.Generator().manual_seed(206)
    draw = lambda *shape: torch.randn(shape, generator=g) * 0.4
    write_json(folder / "2_Dense/config.json", {"in_features": 16, "out_features": 20, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"})
    torch.save({"linear.weight": draw(20, 16), "linear.bias": draw(20)}, folder / "2_Dense/pytorch_model.bin")
    write_json(folder / "3_LayerNorm/config.json", {"dimension": 20})
    torch.save({"norm.weight": draw(20) + 1, "norm.bias": draw(20)}, folder / "3_LayerNorm/pytorch_model.bin")
    write_json(folder / "4_Dense/config.json", {"in_features": 20, "out_features": 9, "bias": False, "activation_function": "torch.nn.modules.linear.Identity"})
    torch.save({"linear.weight": draw(9, 20)}, folder / "4_Dense/pytorch_model.bin")
    expect_sentence_transformer(folder, 206)


@case("st-layernorm")
def st_layernorm(folder):
    _, Pooling, Dense, _, LayerNorm = st_modules()
    save_sentence_transformer(folder, 207, [Pooling(16, pooling_mode="mean_sqrt_len_tokens"), LayerNorm(16), Dense(16, 8, bias=False, activation_function=torch.nn.GELU())])
    expect_sentence_transformer(folder, 207)



# The systems of the founding table, each in the form in which it is published.


def system(**changes):
    return tiny(**{**dict(num_hidden_layers=2, hidden_size=12, intermediate_size=20), **changes})


def tensorflow_names(state):
    return {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in state.items()}


def published_config(folder, config, **more):
    """The model's config.json as older releases wrote it: without the keys that release 5 added, with those it dropped."""
    config.save_pretrained(folder)
    value = json.loads((folder / "config.json").read_text())
    for key in ("dtype", "transformers_version", "is_decoder", "add_cross_attention", "tie_word_embeddings", "bos_token_id", "eos_token_id", "classifier_dropout", "use_cache"):
        value.pop(key, None)
    write_json(folder / "config.json", {**value, **more})


@case("system-bert-base-chinese")
def system_bert(folder):  # BertForPreTraining's tensors under TensorFlow-era names; bert-large is the same in 24 x 1024
    write_tokenizer(folder, lower=False, model_max_length=48)
    model = randomise(BertForPreTraining(BertConfig(**system())), 301)
    published_config(folder, model.config, architectures=["BertForMaskedLM"], directionality="bidi", pooler_fc_size=768, pooler_num_attention_heads=12,
                     pooler_num_fc_layers=3, pooler_size_per_head=128, pooler_type="first_token_transform")
    state = tensorflow_names(model.state_dict())
    save_weights(folder, {k: v for k, v in state.items() if k != "cls.predictions.decoder.weight"})
    AutoTokenizer.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))
    expect_encoder(folder, model.bert, 301)


@case("system-roberta-wwm-ext")
def system_roberta(folder):  # a BERT in all but name, in the file form before torch 1.6
    write_tokenizer(folder)
    write_json(folder / "tokenizer_config.json", {"init_inputs": []})
    write_json(folder / "added_tokens.json", {})
    write_json(folder / "special_tokens_map.json", {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"})
    model = randomise(BertForPreTraining(BertConfig(**system())), 302)
    published_config(folder, model.config, architectures=["BertForMaskedLM"], directionality="bidi", output_past=True, bos_token_id=0, eos_token_id=2,
                     pooler_fc_size=768, pooler_num_attention_heads=12, pooler_num_fc_layers=3, pooler_size_per_head=128, pooler_type="first_token_transform")
    torch.save(model.state_dict(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    expect_encoder(folder, model.bert, 302)


@case("system-erlangshen-simcse")
def system_erlangshen(folder):
    write_tokenizer(folder)
    model = randomise(BertForMaskedLM(BertConfig(**system())), 303)
    published_config(folder, model.config, architectures=["BertForMaskedLM"], classifier_dropout=None, directionality="bidi", pooler_fc_size=768, pooler_num_attention_heads=12, pooler_num_fc_layers=3,
                     pooler_size_per_head=128, pooler_type="first_token_transform", position_embedding_type="absolute", use_cache=True, torch_dtype="float32", transformers_version="4.12.3")
    state = model.state_dict()
    state["bert.embeddings.position_ids"] = torch.arange(48).unsqueeze(0)
    torch.save(state, folder / "pytorch_model.bin")
    expect_encoder(folder, model.bert, 303)


@case("system-simbert-base")
def system_simbert(folder):
    write_tokenizer(folder)
    model = randomise(BertModel(BertConfig(**system())), 304)
    published_config(folder, model.config, architectures=[type(model).__name__])
    state = dict(model.state_dict())
    state["embeddings.position_ids"] = torch.arange(48).unsqueeze(0)
    torch.save(state, folder / "pytorch_model.bin")
    expect_encoder(folder, model, 304)


class ProjectedBert(torch.nn.Module):
    """BERT whose embeddings are narrower than its layers: [embedding_size] -> LayerNorm -> embeddings_project -> [hidden_size]."""

    def __init__(self, config, embedding_size):
        super().__init__()
        bert = BertModel(config)
        self.embeddings = BertModel(BertConfig(**{**config.to_dict(), "hidden_size": embedding_size, "num_attention_heads": 1})).embeddings
        self.embeddings_project = torch.nn.Linear(embedding_size, config.hidden_size)
        self.encoder, self.pooler = bert.encoder, bert.pooler

    def forward(self, input_ids, attention_mask, token_type_ids, output_hidden_states=False):
        h = self.embeddings_project(self.embeddings(input_ids=input_ids, token_type_ids=token_type_ids))
        mask = (1.0 - attention_mask[:, None, None, :].to(h.dtype)) * torch.finfo(h.dtype).min
        states = [h]
        for layer in self.encoder.layer:
            h = layer(h, mask)
            h = h[0] if isinstance(h, tuple) else h
            states.append(h)
        return transformers.modeling_outputs.BaseModelOutputWithPooling(last_hidden_state=h, pooler_output=self.pooler(h), hidden_states=tuple(states))


@case("system-simbert-small")
def system_simbert_small(folder):
    write_tokenizer(folder)
    config = BertConfig(**system(hidden_size=24, num_attention_heads=4), attn_implementation="eager")
    model = randomise(ProjectedBert(config, 8), 305)
    published_config(folder, config, embedding_size=8, architectures=["BertModel"])
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    expect_encoder(folder, model, 305, published=False)  # transformers has no such class


# RoFormer. transformers computes its sines in float64 and stores them as float32, and so does the reference here.


def roformer_config(**changes):
    return RoFormerConfig(**system(**changes))


def use_dictionary():
    """rjieba with the small dictionary beside this file in place of its own."""
    import rjieba
    rjieba.clear()
    for line in (HERE / "dictionary.txt").read_text("utf-8").splitlines():
        word, freq, tag = line.split(" ")
        rjieba.add_word(word, int(freq), tag)


@case("system-roformer-base")
def system_roformer(folder):  # RoFormerForMaskedLM, words in the vocabulary, a saved table of positions
    vocabulary = VOCABULARY + WORDS
    write_tokenizer(folder, tokenizer_class="RoFormerTokenizer", vocabulary=vocabulary)
    model = randomise(RoFormerForMaskedLM(roformer_config(vocab_size=len(vocabulary))), 306)
    published_config(folder, model.config, architectures=[type(model).__name__])
    state = model.state_dict()
    assert "roformer.encoder.embed_positions.weight" in state
    torch.save(state, folder / "pytorch_model.bin")
    expect_encoder(folder, model.roformer, 306)


@case("system-roformer-char")
def system_roformer_char(folder):  # BertTokenizer: characters; no table of positions in the file
    write_tokenizer(folder)
    model = randomise(RoFormerForMaskedLM(roformer_config()), 307)
    published_config(folder, model.config, architectures=[type(model).__name__])
    save_weights(folder, {k: v for k, v in model.state_dict().items() if "embed_positions" not in k and k != "cls.predictions.decoder.weight"})
    expect_encoder(folder, model.roformer, 307)


@case("roformer-value-projected")
def roformer_value(folder):  # rotary values too; embedding_size unlike hidden_size; saved as release 5 does
    write_tokenizer(folder)
    model = randomise(RoFormerModel(roformer_config(hidden_size=24, embedding_size=10, rotary_value=True, num_attention_heads=3)), 308)
    model.save_pretrained(folder)
    expect_encoder(folder, model, 308)


@case("roformer-f16", "roformer-bf16-bin")
def roformer_half(folder):  # the saved table of positions is rounded too, and transformers uses it so
    write_tokenizer(folder)
    dtype = torch.bfloat16 if "bf16" in folder.name else torch.float16
    model = randomise(RoFormerModel(roformer_config(num_hidden_layers=2, rotary_value="bf16" in folder.name)), 311)
    model.config.save_pretrained(folder)
    state = {k: v.to(dtype) for k, v in model.state_dict().items()}
    assert "encoder.embed_positions.weight" in state
    torch.save(state, folder / "pytorch_model.bin") if "bin" in folder.name else save_weights(folder, state)
    model.load_state_dict({k: v.float() for k, v in state.items()})
    expect_encoder(folder, model, 311)


class PooledRoFormer(torch.nn.Module):
    """RoFormer-Sim's encoder: bidirectional whatever is_decoder says, with a pooler that transformers' RoFormerModel lacks."""

    def __init__(self, config, activation):
        super().__init__()
        self.roformer = RoFormerModel(config)
        self.pooler = torch.nn.Module()
        self.pooler.dense = torch.nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation

    def forward(self, output_hidden_states=False, **batch):
        out = self.roformer(**batch, output_hidden_states=output_hidden_states)
        pooled = self.activation(self.pooler.dense(out.last_hidden_state[:, 0]))
        return transformers.modeling_outputs.BaseModelOutputWithPooling(last_hidden_state=out.last_hidden_state, pooler_output=pooled, hidden_states=out.hidden_states)


@case("system-roformer-sim", "system-roformer-sim-small")
def system_roformer_sim(folder):  # published as RoFormerForCausalLM
    write_tokenizer(folder)
    small = folder.name.endswith("small")
    config = roformer_config(embedding_size=8) if small else roformer_config()
    model = randomise(PooledRoFormer(config, torch.tanh if small else torch.nn.Identity()), 309)
    head = randomise(RoFormerForCausalLM(config), 310).state_dict()
    state = {"roformer." + k: v for k, v in model.roformer.state_dict().items()}
    state |= {"roformer.pooler.dense.weight": model.pooler.dense.weight.data, "roformer.pooler.dense.bias": model.pooler.dense.bias.data}
    state |= {k: v for k, v in head.items() if k.startswith("cls.")}
    state["cls.predictions.decoder.weight"] = state["roformer.embeddings.word_embeddings.weight"]
    more = {} if small else {"is_decoder": True, "eos_token_id": 8, "pooler_activation": "linear", "use_cache": True}
    published_config(folder, config, architectures=["RoFormerForCausalLM"], **more)
    torch.save(state, folder / "pytorch_model.bin")
    expect_encoder(folder, model, 309, published=False)


# DistilBERT and ERNIE.


class WithoutTypes(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, token_type_ids=None, **batch):
        return self.model(**batch)


def distil_config(**changes):
    return DistilBertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=48, dim=12, n_layers=2, n_heads=2, hidden_dim=20, dropout=0.0, attention_dropout=0.0, **changes)


@case("distilbert", "distilbert-mlm")
def distilbert(folder):
    write_tokenizer(folder, tokenizer_class="DistilBertTokenizer")
    if folder.name == "distilbert":
        model = randomise(DistilBertModel(distil_config()), 401)
        model.save_pretrained(folder)
    else:
        full = randomise(DistilBertForMaskedLM(distil_config(activation="relu", sinusoidal_pos_embds=True)), 402)
        full.save_pretrained(folder)
        model = full.distilbert
    expect_encoder(folder, WithoutTypes(model), 401, pair=False, published=False)


@case("st-distiluse-old")
def st_distiluse(folder):  # mean, then Dense with tanh, no Normalize; cased
    write_tokenizer(folder, lower=False, tokenizer_class="DistilBertTokenizer")
    randomise(DistilBertModel(distil_config()), 403).save_pretrained(folder)
    write_old_modules(folder, [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")])
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 16})
    write_json(folder / "1_Pooling/config.json", {k: v for k, v in old_pooling(12, "mean").items() if "weighted" not in k and "last" not in k})
    g = torch.Generator().manual_seed(403)
    write_json(folder / "2_Dense/config.json", {"in_features": 12, "out_features": 8, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"})
    torch.save({"linear.weight": torch.randn((8, 12), generator=g) * 0.4, "linear.bias": torch.randn(8, generator=g) * 0.4}, folder / "2_Dense/pytorch_model.bin")
    expect_sentence_transformer(folder, 403)


def ernie_config(**changes):
    return ErnieConfig(**system(layer_norm_eps=1e-5, type_vocab_size=4, task_type_vocab_size=3, **changes))


@case("ernie")
def ernie(folder):
    write_tokenizer(folder)
    model = randomise(ErnieForMaskedLM(ernie_config(use_task_id=True)), 404)
    model.save_pretrained(folder)
    expect_encoder(folder, model.ernie, 404)


@case("ernie-without-task-id")
def ernie_plain(folder):
    write_tokenizer(folder)
    model = randomise(ErnieForMaskedLM(ernie_config(use_task_id=False)), 405)
    model.save_pretrained(folder)
    expect_encoder(folder, model.ernie, 405)


@case("bert-use-task-id")
def bert_task_id(folder):  # transformers runs model_type bert as BertModel: the task table is in the file and not in the sum
    write_tokenizer(folder)
    model = randomise(BertModel(BertConfig(**system(layer_norm_eps=1e-5, type_vocab_size=4))), 406)
    published_config(folder, model.config, architectures=["BertModel"], use_task_id=True, task_type_vocab_size=3)
    g = torch.Generator().manual_seed(406)
    save_weights(folder, {**model.state_dict(), "embeddings.task_type_embeddings.weight": torch.randn((3, 12), generator=g)})
    expect_encoder(folder, model, 406)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--out", type=Path, default=HERE / "models")
    a.add_argument("--only", nargs="*", default=list(CASES))
    args = a.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in args.only:
        folder = args.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        CASES[name](folder)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"{name:28} {size / 1024:7.1f} KiB  noise {max(json.loads((folder / 'noise.json').read_text()).values()):.1e}", flush=True)


if __name__ == "__main__":
    main()
