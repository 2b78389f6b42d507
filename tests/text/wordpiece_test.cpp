#include "semblance/text/wordpiece.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace semblance {
namespace {

Vocabulary vocabulary_of(const std::vector<std::string>& tokens) {
  Vocabulary vocabulary;
  std::int32_t id = 0;
  for (const std::string& token : tokens) vocabulary.add(token, id++);
  return vocabulary;
}

// Ids of a word's pieces; the unknown id alone when it has none.
std::vector<std::int32_t> pieces(const WordPiece& wordpiece, std::string_view word) {
  std::vector<std::int32_t> ids;
  std::size_t end = 0;
  const bool known =
      wordpiece.split(word, [&](std::int32_t id, std::size_t first, std::size_t last) {
        EXPECT_EQ(first, end);
        end = last;
        ids.push_back(id);
      });
  if (!known) return {wordpiece.unk_id()};
  EXPECT_EQ(end, word.size());
  return ids;
}
using Ids = std::vector<std::int32_t>;

TEST(WordPiece, TakesTheLongestPieceFirst) {
  const WordPiece wordpiece(
      vocabulary_of({"[UNK]", "un", "##aff", "##able", "##ab", "##le", "una", "##f"}), {});
  EXPECT_EQ(pieces(wordpiece, "unaffable"), (Ids{6, 7, 7, 3}));
  EXPECT_EQ(pieces(wordpiece, "un"), (Ids{1}));
}

TEST(WordPiece, AWordWithAnUnknownPartIsUnknownWhole) {
  const WordPiece wordpiece(vocabulary_of({"[UNK]", "a", "##b", "##"}), {});
  EXPECT_EQ(pieces(wordpiece, "abc"), (Ids{0}));
  EXPECT_EQ(pieces(wordpiece, "ba"), (Ids{0}));
  EXPECT_EQ(pieces(wordpiece, "ab"), (Ids{1, 2}));
}

TEST(WordPiece, WithoutAPrefixPiecesAreTheSameEverywhere) {
  const WordPiece wordpiece(vocabulary_of({"[UNK]", "a", "b", "ab"}),
                            {.continuing_subword_prefix = ""});
  EXPECT_EQ(pieces(wordpiece, "aab"), (Ids{1, 3}));
}

TEST(WordPiece, APrefixThatNoTokenHasEndsEveryWordAfterOnePiece) {
  const WordPiece wordpiece(vocabulary_of({"[UNK]", "a", "ab", "##b"}),
                            {.continuing_subword_prefix = "@@"});
  EXPECT_EQ(pieces(wordpiece, "ab"), (Ids{2}));
  EXPECT_EQ(pieces(wordpiece, "abb"), (Ids{0}));
}

TEST(WordPiece, NeedsTheUnknownToken) {
  EXPECT_THROW(WordPiece(vocabulary_of({"a"}), {}), std::invalid_argument);
}

TEST(WordPiece, RefusesATokenThatIsTooLongWhereAWordMayBeAsLong) {
  const std::string longest(WordPiece::kMaxTokenBytes, 'a');
  const std::size_t any = std::numeric_limits<std::int64_t>::max();
  const auto build = [](const std::string& token, std::size_t max_chars) {
    WordPiece(vocabulary_of({"[UNK]", token}), {.max_input_chars_per_word = max_chars});
  };
  EXPECT_NO_THROW(build(longest, any));
  EXPECT_NO_THROW(build(longest + "a", 100));
  EXPECT_THROW(build(longest + "a", any), std::invalid_argument);
}

TEST(WordPiece, AgreesWithLookingUpEveryPart) {
  std::mt19937_64 random(5);
  std::vector<std::string> tokens{"[UNK]"};
  const auto draw = [&](std::size_t longest) {
    std::string text;
    for (auto n = random() % longest + 1; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int i = 0; i < 60; ++i) tokens.push_back((random() % 2 == 0 ? "##" : "") + draw(4));
  const Vocabulary vocabulary = vocabulary_of(tokens);
  const WordPiece wordpiece(vocabulary, {});
  for (int i = 0; i < 5000; ++i) {
    const std::string word = draw(12);
    Ids expected;
    for (std::size_t begin = 0; begin < word.size();) {
      std::size_t end = word.size();
      std::optional<std::int32_t> id;
      for (; end > begin && !id; --end) {
        id = vocabulary.id((begin == 0 ? "" : "##") + word.substr(begin, end - begin));
      }
      if (!id) {
        expected = {0};
        break;
      }
      expected.push_back(*id);
      begin = end + 1;
    }
    ASSERT_EQ(pieces(wordpiece, word), expected) << word;
  }
}

}  // namespace
}  // namespace semblance
