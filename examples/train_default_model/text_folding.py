"""The form in which two sentences count as the same: width, case, blanks and punctuation folded."""

import unicodedata


def folded(sentence):
    text = unicodedata.normalize("NFKC", sentence).lower()
    return "".join(c for c in text if unicodedata.category(c)[0] not in "PZSC")
