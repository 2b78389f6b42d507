"""A sentence changed a little: the order, a word less, a negation. The teacher says what it means."""

NEGATIONS = {"不": "", "没有": "有", "可以": "不可以", "能": "不能", "是": "不是", "会": "不会",
             "有": "没有", "上涨": "下跌", "第一": "第二", "怎么": "为什么", "男": "女", "女": "男",
             "大": "小", "多": "少", "最好": "最差", "喜欢": "讨厌", "前": "后", "今年": "去年"}


def swapped(random, text):
    """Two spans of equal length change places."""
    span = random.choice([1, 2, 2, 3])
    if len(text) < 2 * span + 1:
        return text
    first = random.randrange(0, len(text) - 2 * span + 1)
    second = random.randrange(first + span, min(len(text) - span, first + span + 8) + 1)
    return (text[:first] + text[second:second + span] + text[first + span:second]
            + text[first:first + span] + text[second + span:])


def shortened(random, text):
    span = random.choice([1, 2, 2, 3, 4])
    if len(text) < span + 4:
        return text
    at = random.randrange(0, len(text) - span + 1)
    return text[:at] + text[at + span:]


def rotated(random, text):
    at = random.randrange(1, max(2, len(text)))
    return text[at:] + text[:at]


def contradicted(random, text):
    found = [word for word in NEGATIONS if word in text]
    if not found:
        return swapped(random, text)
    word = random.choice(found)
    return text.replace(word, NEGATIONS[word], 1)


def varied(random, text):
    return random.choice([swapped, swapped, shortened, rotated, contradicted, contradicted])(
        random, text)
