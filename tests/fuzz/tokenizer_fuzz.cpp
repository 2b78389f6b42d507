// Text to ids: the fast path against the plain steps, under each of the golden settings. The first
// byte picks the setting, the second the maximum length.

#include "fuzz/target.h"
#include "text/tokenizer_golden.h"

namespace semblance::fuzz {
namespace {

std::vector<BertTokenizer> golden_tokenizers() {
  std::vector<BertTokenizer> tokenizers;
  const auto golden = testing::read_tokenizer_golden("cases.json");
  for (const auto& setting : golden.at("settings")) {
    tokenizers.emplace_back(testing::config_of(setting));
  }
  return tokenizers;
}

const Registration kTarget("tokenizer", [](std::string_view bytes) {
  static const std::vector<BertTokenizer> tokenizers = golden_tokenizers();
  static TokenizerScratch scratch;
  if (bytes.size() < 2) return;
  const BertTokenizer& tokenizer =
      tokenizers[static_cast<unsigned char>(bytes[0]) % tokenizers.size()];
  TokenizeOptions options;
  if (bytes[1] != 0) {
    options.max_length = tokenizer.num_special_tokens() + static_cast<unsigned char>(bytes[1]) - 1U;
  }
  const std::string_view text = bytes.substr(2);
  const Encoding plain = tokenizer.encode(text, options);
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> types;
  const TokenCount count = tokenizer.append_input_ids(text, options, scratch, ids, &types);
  require(ids == plain.input_ids, "the ids of the plain steps");
  require(types == plain.token_type_ids, "the token types of the plain steps");
  require(count.truncated == plain.truncated, "truncation as in the plain steps");
  require(count.num_tokens == ids.size(), "the number of ids");
  require(!options.max_length || ids.size() <= *options.max_length, "no more ids than asked for");
  require(ids.size() <= text.size() + tokenizer.num_special_tokens(), "at most an id a byte");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    require(ids[i] >= 0 && static_cast<std::size_t>(ids[i]) < tokenizer.id_limit(),
            "ids below the limit");
    require(plain.offsets[i].begin <= plain.offsets[i].end, "offsets in order");
    require(plain.offsets[i].end <= text.size(), "offsets inside the text");
  }
});

}  // namespace
}  // namespace semblance::fuzz
