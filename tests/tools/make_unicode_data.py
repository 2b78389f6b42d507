#!/usr/bin/env python3
"""Write include/semblance/text/unicode_data.h: where utf8proc and the reference tokenizer disagree.

    pip install tokenizers==0.23.3
    make_unicode_data.py --out include/semblance/text/unicode_data.h

Every property of every code point is asked of the released tokenizers package by feeding it one
text per code point, and of utf8proc (the shared library, by ctypes). Code points that utf8proc's
Unicode version leaves unassigned are listed too: for those the table alone speaks, so that a newer
utf8proc changes no result.
"""
import argparse
import ctypes
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = ("CN LU LL LT LM LO MN MC ME ND NL NO PC PD PS PE PI PF PO SM SC SK SO ZS ZL ZP CC CF"
              " CS CO").split()
DECOMPOSE = 1 << 4  # UTF8PROC_DECOMPOSE


def ask_reference():
    bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    clean = normalizers.BertNormalizer(**{**bert, "clean_text": True})
    strip = normalizers.BertNormalizer(**{**bert, "strip_accents": True})
    nfd, lower = normalizers.NFD(), normalizers.Lowercase()
    words = pre_tokenizers.BertPreTokenizer()
    single = Tokenizer(models.WordPiece({"[UNK]": 0, "QQ": 1}, unk_token="[UNK]"))
    single.add_tokens([AddedToken("QQ", single_word=True, normalized=False)])
    facts = {k: set() for k in ("other", "punctuation", "space", "mark", "word")}
    facts["nfd"], facts["lower"] = {}, {}
    for c in CODE_POINTS:
        ch = chr(c)
        if clean.normalize_str("a" + ch + "b") == "ab":
            facts["other"].add(c)
        pieces = len(words.pre_tokenize_str("a" + ch + "b"))
        if pieces > 1:
            facts["space" if pieces == 2 else "punctuation"].add(c)
        decomposed = nfd.normalize_str(ch)
        if decomposed != ch:
            facts["nfd"][c] = decomposed
        elif strip.normalize_str(ch) == "":
            facts["mark"].add(c)
        if lower.normalize_str(ch) != ch:
            facts["lower"][c] = lower.normalize_str(ch)
    for c, e in zip(CODE_POINTS, single.encode_batch([chr(c) + "QQ" for c in CODE_POINTS])):
        if e.ids != [0, 1]:
            facts["word"].add(c)
    return facts


def load_utf8proc():
    lib = ctypes.CDLL("libutf8proc.so")
    lib.utf8proc_unicode_version.restype = lib.utf8proc_version.restype = ctypes.c_char_p

    class Property(ctypes.Structure):
        _fields_ = [("category", ctypes.c_uint16), ("combining_class", ctypes.c_uint16)]

    lib.utf8proc_get_property.restype = ctypes.POINTER(Property)
    return lib


def decompose(lib, c):
    buffer = (ctypes.c_int32 * 32)()
    boundary = ctypes.c_int(0)
    n = lib.utf8proc_decompose_char(c, buffer, 32, DECOMPOSE, ctypes.byref(boundary))
    return "".join(map(chr, buffer[:n]))


def combines(nfd, c, combining_class):
    """Whether the reference reorders c; a mark of class 1 or 230 beside it shows that."""
    if combining_class > 1:
        return nfd.normalize_str("a" + chr(c) + "\u0334") == "a\u0334" + chr(c)
    return nfd.normalize_str("a\u0301" + chr(c)) == "a" + chr(c) + "\u0301"


def ranges(code_points):
    found = []
    for c in sorted(code_points):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def table(name, comment, code_points):
    rows = "".join(f"    {{0x{a:04X}, 0x{b:04X}}},\n" for a, b in ranges(code_points))
    return f"// {comment}\ninline constexpr CodePointRange {name}[] = {{\n{rows}}};\n\n"


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--out", type=Path, required=True)
    args = a.parse_args()
    lib, ref = load_utf8proc(), ask_reference()
    category = {c: CATEGORIES[lib.utf8proc_category(c)] for c in CODE_POINTS}
    unassigned = {c for c in CODE_POINTS if category[c] == "CN"}
    assert ref["space"] == {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028,
                            0x2029, 0x202F, 0x205F, 0x3000}
    assert not (ref["other"] | ref["punctuation"] | ref["mark"]) & unassigned - {0xFFFD}
    own = {
        "other": {c for c in CODE_POINTS if category[c] in ("CC", "CF", "CO")} - {9, 10, 13} | {0xFFFD},
        "punctuation": {c for c in CODE_POINTS if category[c][0] == "P" or (c < 128 and category[c][0] == "S")},
        "mark": {c for c in CODE_POINTS if category[c] == "MN"},
        "word": {c for c in CODE_POINTS if category[c][0] in "LM" or category[c] in ("NL", "ND", "PC")}
                | {0x200C, 0x200D, *range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A),
                   *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)},
    }
    assert not ref["other"] - own["other"] and not own["word"] - ref["word"]
    nfd = normalizers.NFD()
    no_nfd = set()
    for c in CODE_POINTS:
        mine = decompose(lib, c)
        if ref["nfd"].get(c, chr(c)) != mine:
            assert c not in ref["nfd"], hex(c)
            no_nfd.add(c)
    starters = set()
    for c in CODE_POINTS:
        combining_class = lib.utf8proc_get_property(c).contents.combining_class
        if combining_class and c not in ref["nfd"] and not combines(nfd, c, combining_class):
            starters.add(c)
    lower = []
    for c in CODE_POINTS:
        mine, theirs = chr(lib.utf8proc_tolower(c)), ref["lower"].get(c, chr(c))
        if mine == theirs or c == 0x130:
            continue
        assert len(theirs) == 1, hex(c)
        distance = ord(theirs) - c
        if lower and lower[-1][1] == c - 1 and lower[-1][2] == distance:
            lower[-1][1] = c
        else:
            lower.append([c, c, distance])
    assert ref["lower"][0x130] == "i\u0307"

    text = f"""#pragma once

// Generated by tests/tools/make_unicode_data.py from tokenizers {tokenizers.__version__} and utf8proc
// {lib.utf8proc_version().decode()} (Unicode {lib.utf8proc_unicode_version().decode()}). Do not edit.

namespace semblance::detail {{

struct CodePointRange {{
  char32_t first;
  char32_t last;
}};

struct LowercaseRange {{
  char32_t first;
  char32_t last;
  int distance;  // lower-case letter minus capital
}};

"""
    text += table("kNotOther", "Cc, Cf or Co for utf8proc; kept by the reference.", own["other"] - ref["other"])
    text += table("kPunctuationToo", "Punctuation for the reference alone.", ref["punctuation"] - own["punctuation"])
    text += table("kNotPunctuation", "Punctuation for utf8proc alone.", own["punctuation"] - ref["punctuation"])
    text += table("kMarkToo", "Nonspacing marks for the reference alone.",
                  {c for c in ref["mark"] if c not in ref["nfd"]} - own["mark"])
    text += table("kNotMark", "Nonspacing marks for utf8proc alone.",
                  {c for c in own["mark"] - ref["mark"] if c not in ref["nfd"]})
    text += table("kStarter", "Combining class 0 for the reference, another for utf8proc.", starters)
    text += table("kNotDecomposed", "Decomposed by utf8proc alone.", no_nfd)
    text += table("kWordToo", "Word characters (UTS 18) for the reference alone.", ref["word"] - own["word"])
    rows = "".join(f"    {{0x{a:04X}, 0x{b:04X}, {d}}},\n" for a, b, d in lower)
    text += ("// Lower-case mappings that utf8proc lacks. U+0130, which becomes two code points, is apart.\n"
             f"inline constexpr LowercaseRange kLowercaseToo[] = {{\n{rows}}};\n\n")
    text += table("kUnassigned", "Unassigned for utf8proc: none of its answers count, should a newer one have any.", unassigned)
    args.out.write_text(text + "}  // namespace semblance::detail\n")


if __name__ == "__main__":
    main()
