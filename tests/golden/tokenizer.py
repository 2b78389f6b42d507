#!/usr/bin/env python3
"""Write tests/golden/tokenizer: what the released tokenizers package and transformers do.

    pip install tokenizers==0.23.3 transformers==5.23.0
    tokenizer.py --out tests/golden/tokenizer

cases.json       settings (vocabulary, flags, added tokens) and texts with ids, types, tokens and
                 offsets in bytes
codepoints.json  for every block of 1024 code points a digest of what becomes of "x<c>y"
loading.json     small folders and the tokenizer that AutoTokenizer makes of each
"""
import argparse
import copy
import json
import os
import random
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "critical")
import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

VERSIONS = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def vocabulary(prefix="##"):
    letters = "abcdefghijklmnopqrstuvwxyz0123456789\u00e9\u00e0\u00df\u0131\u03c3\u03c2\u0434\u044f\u0915\u093f\u1112\u1161\u11ab\ud55c\u3042\u30ab"
    tokens = SPECIAL + list(letters) + [prefix + c for c in letters]
    tokens += list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u3002\uff0c\uff01\u2014\u00bf") + list("ABCDE")
    tokens += list("\u4eca\u5929\u6c14\u4e0d\u597d\u6211\u4eec\u53bb\u6563\u6b65\u4e2d\u56fd\u4eba\u3400\u9fa5") + [chr(0x20000), chr(0x2a6d6)]
    tokens += ["\u4e2d\u56fd", prefix + "\u56fd", "hello", "world", "un", prefix + "aff", prefix + "able", prefix + "ing", "run", prefix + "n", "new", "york"]
    tokens += ["\u0301", prefix + "\u0301", "caf", prefix + "f\u00e9", "\u302e", prefix + "\u302e", prefix + "\u302f", "i\u0307", "\U0001f600", "\ufffd", prefix + "\ufffd"]
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}


def added(content, **flags):
    return {"content": content, **{f: bool(flags.get(f, False)) for f in FLAGS}}


BERT = dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
SPECIALS = [added(t, special=True) for t in SPECIAL]
ODD = [added("<x>", lstrip=True, rstrip=True), added("ab", single_word=True), added("Hello", normalized=True),
       added("New York", normalized=True, lstrip=True, single_word=True), added("\u00c9t\u00e9", normalized=True, rstrip=True),
       added("\u4e2d\u56fd"), added("\ufffd!"), added(" !")]
SETTINGS = {
    "uncased": dict(normalizer=BERT, added=SPECIALS),
    "cased": dict(normalizer={**BERT, "lowercase": False}, added=SPECIALS),
    "cased, accents stripped": dict(normalizer={**BERT, "lowercase": False, "strip_accents": True}, added=SPECIALS),
    "uncased, accents kept": dict(normalizer={**BERT, "strip_accents": False}, added=SPECIALS),
    "no Chinese split": dict(normalizer={**BERT, "handle_chinese_chars": False}, added=SPECIALS),
    "no clean-up": dict(normalizer={**BERT, "clean_text": False}, added=SPECIALS[:4]),
    "lower-casing before": dict(normalizer={**BERT, "lowercase": False}, lowercase_first=True, added=SPECIALS),
    "short words": dict(normalizer=BERT, added=SPECIALS, max_input_chars_per_word=4),
    "another prefix": dict(normalizer=BERT, added=SPECIALS, prefix="@@"),
    "no prefix": dict(normalizer=BERT, added=SPECIALS, prefix=""),
    "no special tokens around": dict(normalizer=BERT, added=SPECIALS, bare=True),
    "added tokens in the text": dict(normalizer=BERT, added=SPECIALS + [a for a in ODD if not a["normalized"]]),
    "added tokens in both": dict(normalizer=BERT, added=SPECIALS + ODD),
    "added tokens in both, cased": dict(normalizer={**BERT, "lowercase": False}, added=SPECIALS + ODD),
}


def build(setting):
    prefix = setting.get("prefix", "##")
    vocab = vocabulary(prefix)
    tok = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", continuing_subword_prefix=prefix,
                                     max_input_chars_per_word=setting.get("max_input_chars_per_word", 100)))
    normalizer = normalizers.BertNormalizer(**setting["normalizer"])
    if setting.get("lowercase_first"):
        normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizer])
    tok.normalizer = normalizer
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.add_tokens([AddedToken(**a) for a in setting["added"]])
    if not setting.get("bare"):
        tok.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    return tok, vocab


def scalar(r, low, high):
    while True:
        c = r.randrange(low, high + 1)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


# Kinds of text to draw from; each gives a short string.
SOURCES = [
    lambda r: r.choice("abcdefghijklmnopqrstuvwxyz"),
    lambda r: r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    lambda r: scalar(r, 0x21, 0x7E),
    lambda r: r.choice(["hello", "Unaffable", "RUNNING", "new york", "caf\u00e9", "e-mail", "3.14", "##ing", "un"]),
    lambda r: r.choice("\u4eca\u5929\u6c14\u4e0d\u597d\u6211\u4eec\u53bb\u6563\u6b65\u3002\uff0c\uff01"),
    lambda r: scalar(r, 0x4E00, 0x9FFF),
    lambda r: scalar(r, 0xF900, 0xFAFF) if r.random() < 0.5 else scalar(r, 0x20000, 0x2FA1F),
    lambda r: scalar(r, 0xAC00, 0xD7A3),
    lambda r: scalar(r, 0x3040, 0x30FF),
    lambda r: scalar(r, 0xC0, 0x24F),
    lambda r: scalar(r, 0x370, 0x5FF),
    lambda r: scalar(r, 0x900, 0xDFF),
    lambda r: "aeiou"[r.randrange(5)] + scalar(r, 0x300, 0x36F) + (scalar(r, 0x300, 0x36F) if r.random() < 0.5 else ""),
    lambda r: r.choice("\u302e\u302f\u0327\u0301\u0345\u05b0\u093c\u094d\u0f39\U0001d165\U0001d16d\u1714\u1734\u0344\u0f73"),
    lambda r: r.choice("\u0130\u1e9e\u03a3\u03c2\u01c5\u212a\u212b\u2126\u037e\u1fef\u0387\ua7cb\U00010d50\U00016ea0\u1c89\u0958"),
    lambda r: r.choice([" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2028", "\u0085", "\u000b", "\u001f"]),
    lambda r: r.choice("\u0000\u0001\u007f\u00ad\u200b\u200d\ufeff\ufffd\U000e0001\ue000\U0010ffff\u180e"),
    lambda r: scalar(r, 0x2000, 0x206F),
    lambda r: r.choice(["\U0001f600", "\U0001f468\u200d\U0001f469", "\U0001f1e8\U0001f1f3", "\u2764\ufe0f"]),
    lambda r: scalar(r, 0, 0x10FFFF),
    lambda r: r.choice(SPECIAL + ["[mask]", "[CLS", "<x>", "ab", "Hello", "HELLO", "new york", "\u00e9t\u00e9", "\u4e2d\u56fd", " !"]),
]
FIXED = ["", " ", "\u0301", "\u0344", "\u0344\u0327a", "a\u0301\u0327", "\u00e9\u0327x", "\u00c5\u0323b", "a" * 99, "a" * 100, "a" * 101,
         "\u4e2d" * 30, "x<x>y  <x>  z", "ab cab ab\u00e9 \u00e9ab ab-ab _ab ab", "[CLS][SEP] [MASK]", "hello Hello HELLO", "nEw YoRk newyork new  york xnew york",
         "\u00c9T\u00c9  \u00e9t\u00e9e\u0301te\u0301", "\ud55c\u1112\u1161\u11ab", "\u302f\u302e\u0301\u302f", "a\u302f\u0300\u302e b", " ! !! !", "\ufffd!\ufffd"]


def draw(r):
    sources = SOURCES if r.random() < 0.3 else r.sample(SOURCES, r.randrange(1, 4)) + [lambda r: " "]
    return "".join(r.choice(sources)(r) for _ in range(r.randrange(1, 24)))


def byte_positions(text, raw=None):
    """Where each character begins in the bytes, the end included."""
    if raw is None:
        positions = [0]
        for c in text:
            positions.append(positions[-1] + len(c.encode()))
        return positions
    positions, at = [0], 0
    while at < len(raw):
        try:
            at += len(raw[at:at + 4].decode("utf-8")[0].encode())
        except UnicodeDecodeError as e:
            at += e.end if e.start == 0 else len(raw[at:at + e.start].decode("utf-8")[0].encode())
        positions.append(at)
    assert len(positions) == len(text) + 1
    return positions


def cases(out):
    r = random.Random(20231)
    result = {"about": VERSIONS, "settings": []}
    for name, setting in SETTINGS.items():
        tok, vocab = build(setting)
        rows = []
        texts = [(t, None) for t in FIXED] + [(draw(r), draw(r) if r.random() < 0.2 else None) for _ in range(60)]
        for number, (text, pair) in enumerate(texts):
            row, raw = {}, None
            if pair is None and number % 9 == 8:
                damaged = bytearray(text.encode())
                damaged[r.randrange(len(damaged) + 1):0] = bytes([r.randrange(0x80, 0x100)])
                raw = bytes(damaged)
                text, row["hex"] = raw.decode("utf-8", "replace"), raw.hex()
            else:
                row["text"] = text
            if pair is not None:
                row["pair"] = pair
            tok.no_truncation()
            if r.random() < 0.3:
                row["max_length"] = r.choice([3, 4, 5, 8, 11, 16])
                tok.enable_truncation(row["max_length"], strategy="longest_first")
            if r.random() < 0.15:
                row["add_special_tokens"] = False
            e = tok.encode(text, pair, add_special_tokens=row.get("add_special_tokens", True))
            where = [byte_positions(text, raw), byte_positions(pair) if pair is not None else []]
            row["ids"], row["tokens"] = e.ids, e.tokens
            if any(e.type_ids):
                row["types"] = e.type_ids
            row["offsets"] = [x for (a, b), s in zip(e.offsets, e.sequence_ids)
                              for x in ([0, 0] if s is None and a == b == 0 else [where[s or 0][a], where[s or 0][b]])]
            if pair is None and e.overflowing:
                row["truncated"] = True
            rows.append(row)
        result["settings"].append({"name": name, **setting, "vocab": list(vocab), "cases": rows})
    (out / "cases.json").write_text(json.dumps(result, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")


def fnv(data, state):
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return state


def codepoints(out):
    result = {"about": {**VERSIONS, "digest": "FNV-1a, 64 bit, over the normalized text of x<c>y, then the words' offsets in bytes, a byte each, then 255"},
              "settings": []}
    for name in ("uncased", "cased", "uncased, accents kept", "no clean-up", "lower-casing before"):
        setting = {**SETTINGS[name], "added": []}
        tok, _ = build({**setting, "max_input_chars_per_word": 0, "bare": True})
        blocks = []
        for start in range(0, 0x110000, 1024):
            points = [c for c in range(start, start + 1024) if not 0xD800 <= c < 0xE000]
            state = 0xCBF29CE484222325
            for c, e in zip(points, tok.encode_batch(["x" + chr(c) + "y" for c in points])):
                text = "x" + chr(c) + "y"
                where = byte_positions(text)
                places = bytes(where[p] for o in e.offsets for p in o)
                state = fnv(tok.normalizer.normalize_str(text).encode() + places + b"\xff", state)
            blocks.append(f"{state:016x}")
        result["settings"].append({"name": name, **setting, "digests": blocks})
    (out / "codepoints.json").write_text(json.dumps(result, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")


def tokenizer_json(change=lambda j: None):
    tokens = SPECIAL + ["a", "b", "##b", "A", "<x>", "e"]
    special = lambda t, kind: {"SpecialToken": {"id": t, "type_id": kind}}
    sequence = lambda s, kind: {"Sequence": {"id": s, "type_id": kind}}
    j = {"version": "1.0", "truncation": None, "padding": None,
         "added_tokens": [{"id": i, **added(t, special=True)} for i, t in enumerate(SPECIAL)],
         "normalizer": {"type": "BertNormalizer", **BERT}, "pre_tokenizer": {"type": "BertPreTokenizer"},
         "post_processor": {"type": "TemplateProcessing",
                            "single": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)],
                            "pair": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0), sequence("B", 1), special("[SEP]", 1)],
                            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("[CLS]", 2), ("[SEP]", 3))}},
         "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                   "vocab": {t: i for i, t in enumerate(tokens)}}}
    change(j)
    return j


VOCAB_TXT = "\n".join(tokenizer_json()["model"]["vocab"]) + "\n"
ADDED_JSON = [{"id": 9, **added("<x>", single_word=True, lstrip=True, normalized=True)}, {"id": 11, **added("<new>", rstrip=True)}]
DECODER = {"0": added("[PAD]", lstrip=True, special=True), "5": added("a", lstrip=True, normalized=True), "20": added("<far>")}
MAP = {"mask_token": {"content": "[MASK]", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False},
       "cls_token": "<x>", "additional_special_tokens": ["<s1>", "a"]}


def folders():
    bert, fast = {"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "PreTrainedTokenizerFast"}
    plain = tokenizer_json()
    kept = tokenizer_json(lambda j: j["normalizer"].update(lowercase=False, strip_accents=False, handle_chinese_chars=False, clean_text=False))
    odd = tokenizer_json(lambda j: j["model"].update(unk_token="e", continuing_subword_prefix="@@", max_input_chars_per_word=7))
    more = tokenizer_json(lambda j: j["added_tokens"].extend(ADDED_JSON))
    ids = tokenizer_json(lambda j: j["post_processor"]["special_tokens"]["[CLS]"].update(ids=[9]))
    twice = tokenizer_json(lambda j: j.update(normalizer={"type": "Sequence", "normalizers": [{"type": "Lowercase"}, j["normalizer"]]}))
    no_post = tokenizer_json(lambda j: j.update(post_processor=None))
    padding = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    padded = tokenizer_json(lambda j: j.update(added_tokens=j["added_tokens"][1:], padding=padding))
    files = lambda **kw: {k.replace("__", "."): v for k, v in kw.items()}
    txt = VOCAB_TXT
    yield "tokenizer_config.json decides about case", files(tokenizer__json=plain, tokenizer_config__json={**bert, "do_lower_case": False})
    yield "BertTokenizer's defaults go before tokenizer.json", files(tokenizer__json=kept, tokenizer_config__json=bert)
    yield "no tokenizer_config.json", files(tokenizer__json=kept)
    yield "PreTrainedTokenizerFast takes tokenizer.json as written", files(tokenizer__json=kept, tokenizer_config__json={**fast, "do_lower_case": True})
    yield "BertTokenizerFast", files(tokenizer__json=kept, tokenizer_config__json={"tokenizer_class": "BertTokenizerFast", "strip_accents": True, "tokenize_chinese_chars": False})
    yield "WordPiece parameters of BertTokenizer", files(tokenizer__json=odd, tokenizer_config__json=bert)
    yield "WordPiece parameters as written", files(tokenizer__json=odd, tokenizer_config__json=fast)
    yield "added tokens of tokenizer.json", files(tokenizer__json=more, tokenizer_config__json=bert)
    yield "added tokens of tokenizer.json as written", files(tokenizer__json=more, tokenizer_config__json=fast)
    yield "added_tokens_decoder", files(tokenizer__json=more, tokenizer_config__json={**bert, "added_tokens_decoder": DECODER})
    yield "added_tokens_decoder over a tokenizer.json as written", files(tokenizer__json=more, tokenizer_config__json={**fast, "added_tokens_decoder": DECODER})
    yield "AddedToken objects", files(vocab__txt=txt, tokenizer_config__json={**bert, "mask_token": {"__type": "AddedToken", **added("[MASK]", lstrip=True, normalized=True)}})
    yield "other special tokens", files(vocab__txt=txt, tokenizer_config__json={**bert, "cls_token": "<x>", "sep_token": "e", "unk_token": "a"})
    yield "special tokens beyond the vocabulary", files(vocab__txt=txt, tokenizer_config__json={**bert, "cls_token": "<cls>", "pad_token": "<p>"})
    yield "vocab.txt alone", files(vocab__txt=txt)
    yield "special_tokens_map.json and added_tokens.json", files(vocab__txt=txt, tokenizer_config__json=bert, special_tokens_map__json=MAP, added_tokens__json={"<add>": 11, "b": 6})
    yield "the same with tokenizer.json", files(tokenizer__json=plain, tokenizer_config__json=bert, special_tokens_map__json=MAP, added_tokens__json={"<add>": 11, "b": 6})
    yield "added_tokens_decoder silences the older files", files(vocab__txt=txt, tokenizer_config__json={**bert, "added_tokens_decoder": {"0": DECODER["0"]}}, special_tokens_map__json=MAP, added_tokens__json={"<add>": 11})
    yield "additional and nameless special tokens", files(vocab__txt=txt, tokenizer_config__json={**bert, "additional_special_tokens": ["<s1>", "b"], "bos_token": "<bos>", "foo_token": "<foo>"})
    yield "extra special tokens, empty", files(vocab__txt=txt, tokenizer_config__json={**bert, "extra_special_tokens": [], "additional_special_tokens": ["<q>"]})
    yield "extra special tokens with names", files(vocab__txt=txt, tokenizer_config__json={**bert, "extra_special_tokens": {"img_token": "<img>"}})
    yield "extra special tokens in two files", files(vocab__txt=txt, tokenizer_config__json={**bert, "extra_special_tokens": ["<z>"]}, special_tokens_map__json={"additional_special_tokens": ["<w>"], "extra_special_tokens": ["<v>"]})
    yield "extra special tokens in two files, empty in the first", files(vocab__txt=txt, tokenizer_config__json={**bert, "additional_special_tokens": []}, special_tokens_map__json={"additional_special_tokens": ["<w>"]})
    yield "extra special tokens in the second file alone", files(vocab__txt=txt, tokenizer_config__json=bert, special_tokens_map__json={"additional_special_tokens": ["<w>"]})
    yield "extra special tokens with names beside older ones", files(vocab__txt=txt, tokenizer_config__json={**bert, "extra_special_tokens": {"img_token": "<img>"}, "additional_special_tokens": ["<q>"]})
    yield "no mask token", files(vocab__txt=txt, tokenizer_config__json={**bert, "mask_token": None})
    yield "no mask token after all", files(vocab__txt=txt, tokenizer_config__json=bert, special_tokens_map__json={"mask_token": None, "pad_token": None})
    yield "added_tokens.json has an extra special token", files(vocab__txt=txt, tokenizer_config__json={**bert, "additional_special_tokens": ["<Q>"]}, special_tokens_map__json={"additional_special_tokens": ["<Q>"]}, added_tokens__json={"<Q>": 11})
    yield "added_tokens.json has a token that only the class names", files(vocab__txt=txt, tokenizer_config__json=bert, added_tokens__json={"[MASK]": 4})
    yield "never_split", files(vocab__txt=txt, tokenizer_config__json={**bert, "never_split": ["[MASK]", "<x>"]})
    yield "pad token of the padding as written", files(tokenizer__json=padded, tokenizer_config__json=fast)
    yield "no pad token but in the padding as written", files(tokenizer__json=padded, tokenizer_config__json={**fast, "pad_token": None})
    yield "class from config.json", files(tokenizer__json=kept, config__json={"model_type": "bert", "tokenizer_class": "PreTrainedTokenizerFast"})
    yield "DistilBertTokenizer", files(vocab__txt=txt, tokenizer_config__json={"tokenizer_class": "DistilBertTokenizer", "do_lower_case": False}, config__json={"model_type": "distilbert"})
    for name in ("LayoutLMTokenizer", "LxmertTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer",
                 "", "NezhaTokenizer", "RealmTokenizer", "RetriBertTokenizer"):
        yield f"class \"{name}\"", files(tokenizer__json=kept, tokenizer_config__json={"tokenizer_class": name, "do_lower_case": False})
    yield "ErnieTokenizer takes tokenizer.json as written", files(tokenizer__json=kept, tokenizer_config__json={"tokenizer_class": "ErnieTokenizer"}, config__json={"model_type": "ernie"})
    yield "post-processor of BertTokenizer", files(tokenizer__json=ids, tokenizer_config__json=bert)
    yield "post-processor as written", files(tokenizer__json=ids, tokenizer_config__json=fast)
    yield "no post-processor", files(tokenizer__json=no_post, tokenizer_config__json=fast)
    yield "Lowercase before BertNormalizer", files(tokenizer__json=twice, tokenizer_config__json=fast)
    yield "CRLF, tokens twice, blank lines, no final newline", files(vocab__txt="[PAD]\r\n[UNK]\r\n[CLS]\n[SEP]\n\n[MASK]\na\na \n a\n\u2028z\u3000\n\n\u00e9", tokenizer_config__json=bert)


def loading(out):
    result = []
    for name, files in folders():
        files.setdefault("config.json", {"model_type": "bert"})
        with tempfile.TemporaryDirectory() as d:
            for file, content in files.items():
                (Path(d) / file).write_bytes((content if isinstance(content, str) else json.dumps(content)).encode())
            b = json.loads(transformers.AutoTokenizer.from_pretrained(d)._tokenizer.to_str())
        normalizer, first = b["normalizer"], False
        if normalizer["type"] == "Sequence":
            first, normalizer = True, normalizer["normalizers"][-1]
        post = b["post_processor"]
        piece = lambda p: next([k, v["id"], v["type_id"]] + post["special_tokens"].get(v["id"], {"ids": [0]})["ids"] for k, v in p.items())
        model = b["model"]
        result.append({"name": name, "files": {k: v if isinstance(v, str) else json.dumps(v) for k, v in files.items()},
                       "normalizer": [first] + [normalizer[k] for k in ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")],
                       "model": [model["unk_token"], model["continuing_subword_prefix"], model["max_input_chars_per_word"]],
                       "vocab": model["vocab"],
                       "added": [[a["id"], a["content"]] + [a[f] for f in FLAGS] for a in b["added_tokens"]],
                       "single": [piece(p) for p in post["single"]], "pair": [piece(p) for p in post["pair"]]})
    text = json.dumps({"about": VERSIONS, "folders": result}, separators=(",", ":")).replace('{"name"', '\n{"name"')
    (out / "loading.json").write_text(text + "\n")


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--out", type=Path, required=True)
    args = a.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cases(args.out)
    loading(args.out)
    codepoints(args.out)


if __name__ == "__main__":
    main()
