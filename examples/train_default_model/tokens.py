"""Text to token ids: BERT's WordPiece over a vocab.txt, lower case."""

from tokenizers import BertWordPieceTokenizer

MAX_TOKENS = 64


def tokenizer(vocabulary_file):
    made = BertWordPieceTokenizer(str(vocabulary_file), lowercase=True)
    made.enable_truncation(MAX_TOKENS)
    return made


def token_ids(made, sentences):
    return [encoding.ids for encoding in made.encode_batch(sentences)]
