#include <gtest/gtest.h>

#include <string>

#include "semblance/core/error.h"
#include "semblance/encode_options.h"
#include "semblance/sentence_encoder.h"
#include "semblance/text/bert_tokenizer.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;
using testing::largest_difference;

const std::string& dictionary() {
  static const std::string path = std::string(SEMBLANCE_TEST_DATA) + "/golden/dictionary.txt";
  return path;
}

TEST(RoFormer, SplitsIntoWordsWithTheDictionaryAndGivesTheReferenceVectors) {
  const GoldenModel golden("system-roformer-base");
  const auto encoder = SentenceEncoder::load(golden.folder(), {.dictionary = dictionary()});
  for (std::size_t i = 0; i < golden.sentences().size(); ++i) {
    EXPECT_EQ(encoder.tokenizer()
                  .encode(golden.sentences()[i], {.max_length = encoder.max_length()})
                  .input_ids,
              golden.input_ids(i))
        << golden.sentences()[i];
  }
  const auto found = encoder.encode(golden.sentences(), {.pooling = Pooling::first_last_avg});
  EXPECT_LE(largest_difference<float>(found.values, golden.expected("first_last_avg").as<float>()),
            golden.tolerance("first_last_avg"));
}

TEST(RoFormer, WithoutADictionarySaysWhatIsMissing) {
  const GoldenModel golden("system-roformer-base");
  try {
    SentenceEncoder::load(golden.folder());
    FAIL() << "loaded without a dictionary";
  } catch (const ConfigError& error) {
    EXPECT_TRUE(std::string(error.what())
                    .ends_with("system-roformer-base/tokenizer_config.json: \"tokenizer_class\": "
                               "expected a dictionary of words in jieba's format beside "
                               "RoFormerTokenizer (LoadOptions::dictionary, --dictionary FILE), "
                               "found none"))
        << error.what();
  }
}

TEST(RoFormer, ADictionaryThatIsNotThereIsNamed) {
  const GoldenModel golden("system-roformer-base");
  EXPECT_THROW(SentenceEncoder::load(golden.folder(), {.dictionary = "no-such-words.txt"}),
               FileError);
}

TEST(RoFormer, WithBertTokenizerDoesNotSplitAndNeedsNoDictionary) {
  const GoldenModel golden("system-roformer-char");
  const auto encoder = SentenceEncoder::load(golden.folder());
  const auto found = encoder.encode(golden.sentences(), {.pooling = Pooling::mean});
  EXPECT_LE(largest_difference<float>(found.values, golden.expected("mean").as<float>()),
            golden.tolerance("mean"));
}

}  // namespace
}  // namespace semblance
