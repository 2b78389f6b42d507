"""The teacher's vocabulary without what the tokenizer cannot produce or text hardly ever has.

Chinese characters are split off one by one, so "##" before one never occurs.
"""

import re

SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def is_chinese(character):
    code = ord(character)
    return 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF


def kept(token, seen):
    """Whether a token stays: `seen` are the tokens that the training text has."""
    if token in SPECIAL:
        return True
    word = token[2:] if token.startswith("##") and len(token) > 2 else token
    if any(is_chinese(character) for character in word):
        return len(word) == 1 and word == token
    if re.fullmatch("[0-9]+|[a-z]+|[\u3041-\u30ff]+", word):
        return True
    return token in seen or len(token) == 1


def trimmed(vocabulary, seen):
    """vocabulary: the teacher's tokens in order. Returns (tokens, their rows in the teacher's)."""
    rows = [row for row, token in enumerate(vocabulary) if kept(token, seen)]
    return [vocabulary[row] for row in rows], rows
