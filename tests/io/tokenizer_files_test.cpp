#include "semblance/io/tokenizer_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temp_folder.h"

namespace semblance {
namespace {

using nlohmann::json;

json golden_folders() {
  std::ifstream file(std::string(SEMBLANCE_TEST_DATA) + "/golden/tokenizer/loading.json");
  return json::parse(file).at("folders");
}

json describe(const SequenceTemplate& pieces) {
  json result = json::array();
  for (const TemplatePiece& piece : pieces) {
    const bool token = piece.kind == TemplatePiece::Kind::token;
    const char* name = piece.kind == TemplatePiece::Kind::first ? "A" : "B";
    result.push_back({token ? "SpecialToken" : "Sequence", token ? piece.token : name,
                      piece.token_type_id, piece.id});
  }
  return result;
}

class GoldenFolder : public ::testing::TestWithParam<json> {};

TEST_P(GoldenFolder, LoadsAsAutoTokenizerLoadsIt) {
  SCOPED_TRACE(GetParam().at("name"));
  const testing::TempFolder folder;
  for (const auto& [name, content] : GetParam().at("files").items()) {
    folder.write(name, content.get<std::string>());
  }
  const LoadedTokenizer loaded = load_tokenizer(folder.path());
  const TokenizerConfig& config = loaded.tokenizer.config();

  const BertNormalizerOptions& n = config.normalizer;
  EXPECT_EQ(json({n.lowercase_first, n.clean_text, n.handle_chinese_chars,
                  n.strip_accents ? json(*n.strip_accents) : json(), n.lowercase}),
            GetParam().at("normalizer"));
  EXPECT_EQ(json({config.wordpiece.unk_token, config.wordpiece.continuing_subword_prefix,
                  config.wordpiece.max_input_chars_per_word}),
            GetParam().at("model"));
  json vocab = json::object();
  for (std::size_t i = 0; i < config.vocabulary.size(); ++i) {
    vocab[std::string(config.vocabulary[i].first)] = config.vocabulary[i].second;
  }
  EXPECT_EQ(vocab, GetParam().at("vocab"));
  std::vector<json> added;
  for (std::size_t i = 0; i < config.added_tokens.size(); ++i) {
    const AddedToken& t = config.added_tokens[i];
    added.push_back({*loaded.tokenizer.id(t.content), t.content, t.single_word, t.lstrip, t.rstrip,
                     t.is_normalized(), t.special});
  }
  std::sort(added.begin(), added.end());
  EXPECT_EQ(json(added), GetParam().at("added"));
  EXPECT_EQ(describe(config.post_processor.single), GetParam().at("single"));
  EXPECT_EQ(describe(config.post_processor.pair), GetParam().at("pair"));
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenFolder,
                         ::testing::ValuesIn(golden_folders().get<std::vector<json>>()));

json tokenizer_json() {
  return json::parse(golden_folders().at(0).at("files").at("tokenizer.json").get<std::string>());
}

// What load_tokenizer() says about a folder with these files; "loads" when it says nothing.
std::string complaint(const std::vector<std::pair<std::string, std::string>>& files) {
  const testing::TempFolder folder;
  for (const auto& [name, content] : files) folder.write(name, content);
  try {
    load_tokenizer(folder.path());
  } catch (const Error& error) {
    std::string message = error.what();
    if (message.starts_with(folder.path() + "/")) message.erase(0, folder.path().size() + 1);
    return message;
  }
  return "loads";
}
std::string complaint_about_config(const std::string& config) {
  return complaint(
      {{"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n"}, {"tokenizer_config.json", config}});
}
// With one value of a good tokenizer.json replaced, read as it is written or for BertTokenizer.
std::string with_value(const std::string& pointer, const json& value) {
  json document = tokenizer_json();
  document[json::json_pointer(pointer)] = value;
  return document.dump();
}
const std::pair<std::string, std::string> kAsWritten = {
    "tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})"};
std::string complaint_about(const std::string& pointer, const json& value) {
  return complaint({{"tokenizer.json", with_value(pointer, value)}, kAsWritten});
}

TEST(LoadTokenizer, RefusesOtherKindsByName) {
  EXPECT_EQ(complaint_about("/model/type", "BPE"),
            "tokenizer.json: \"model.type\": expected WordPiece, found \"BPE\"");
  EXPECT_EQ(complaint_about("/normalizer", {{"type", "NFKC"}}),
            "tokenizer.json: \"normalizer.type\": expected BertNormalizer, found \"NFKC\"");
  EXPECT_EQ(complaint_about("/normalizer", nullptr),
            "tokenizer.json: \"normalizer\": expected BertNormalizer, found null");
  EXPECT_EQ(
      complaint_about("/normalizer",
                      {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, json()}}}),
      "tokenizer.json: \"normalizer.normalizers[0].type\": expected Lowercase, found \"NFC\"");
  EXPECT_EQ(
      complaint_about("/pre_tokenizer/type", "Whitespace"),
      "tokenizer.json: \"pre_tokenizer.type\": expected BertPreTokenizer, found \"Whitespace\"");
  EXPECT_EQ(
      complaint_about("/post_processor/type", "RobertaProcessing"),
      "tokenizer.json: \"post_processor.type\": expected TemplateProcessing or BertProcessing, "
      "found \"RobertaProcessing\"");
  EXPECT_EQ(complaint_about_config(R"({"tokenizer_class": "XLMRobertaTokenizer"})"),
            "tokenizer_config.json: \"tokenizer_class\": expected BertTokenizer, found "
            "\"XLMRobertaTokenizer\"");
  EXPECT_EQ(complaint({{"vocab.txt", "[UNK]\n[CLS]\n[SEP]\n"},
                       {"config.json", R"({"model_type": "roformer"})"}}),
            "tokenizer_config.json: \"tokenizer_class\": expected BertTokenizer, found "
            "\"RoFormerTokenizer\"");
}

// Nor does one that is taken for it, as RoFormerTokenizer is.
TEST(LoadTokenizer, ABertTokenizerTakesNothingButTokensFromTokenizerJson) {
  const auto ids = [](const std::string& tokenizer_json) {
    const testing::TempFolder folder;
    folder.write("tokenizer.json", tokenizer_json);
    const auto ids_of_class = [&](const std::string& name) {
      folder.write("tokenizer_config.json", R"({"tokenizer_class": ")" + name + "\"}");
      const auto adapt = [](std::string_view, TokenizerConfig&) { return true; };
      return load_tokenizer(folder.path(), {.adapt = adapt})
          .tokenizer.encode("A ab [MASK] b")
          .input_ids;
    };
    const auto result = ids_of_class("BertTokenizer");
    EXPECT_EQ(ids_of_class("RoFormerTokenizer"), result);
    return result;
  };
  const auto expected = ids(tokenizer_json().dump());
  EXPECT_GT(expected.size(), 4u);
  for (const auto& [pointer, value] : std::vector<std::pair<std::string, json>>{
           {"/normalizer", {{"type", "NFKC"}}},
           {"/normalizer", nullptr},
           {"/pre_tokenizer", {{"type", "Whitespace"}}},
           {"/pre_tokenizer", nullptr},
           {"/post_processor", {{"type", "RobertaProcessing"}}},
           {"/model/type", "WordLevel"},
           {"/model/unk_token", "<unk>"}}) {
    EXPECT_EQ(ids(with_value(pointer, value)), expected) << pointer << ' ' << value;
  }
  EXPECT_EQ(complaint({{"tokenizer.json", with_value("/model/type", "BPE")}}),
            "tokenizer.json: \"model.type\": expected WordPiece, found \"BPE\"");
  EXPECT_EQ(complaint({{"tokenizer.json", with_value("/model/vocab", json::array())}}),
            "tokenizer.json: \"model.vocab\": expected an object, found an array");
  EXPECT_EQ(complaint({{"tokenizer.json", with_value("/truncation", {{"direction", "Left"}})}}),
            "tokenizer.json: \"truncation.direction\": expected \"Right\", found \"Left\"");
}

TEST(LoadTokenizer, RefusesTokensThatTakeTimeBeyondTheTextsLength) {
  json added = tokenizer_json().at("added_tokens");
  json space = added.at(0);
  space["content"] = " ";
  space["rstrip"] = true;
  added.push_back(space);
  EXPECT_EQ(
      complaint_about("/added_tokens", added),
      "tokenizer.json: \"added_tokens\": expected tokens that differ when normalized, of 1 to "
      "4096 bytes, with rstrip not of whitespace alone, found one of whitespace alone with "
      "rstrip");
  json model = tokenizer_json().at("model");
  model["vocab"][std::string(5000, 'a')] = 100000;
  EXPECT_EQ(complaint_about("/model", model), "loads");
  model["max_input_chars_per_word"] = 1'000'000;
  EXPECT_EQ(complaint_about("/model", model),
            "tokenizer.json: \"max_input_chars_per_word\": expected at most 1024 where a token has "
            "more than 4096 bytes, found 1000000");
}

// As with the package's AddedToken: whether it is normalized is settled when it is known to be
// special, unless it is written.
TEST(LoadTokenizer, ANamedTokenIsSoughtInTheTextUnlessItIsSaidToBeNormalized) {
  const auto ids = [](const std::string& token) {
    const testing::TempFolder folder;
    folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
    folder.write("tokenizer_config.json", "{\"mask_token\": " + token + "}");
    return load_tokenizer(folder.path()).tokenizer.encode("a [mask] [MASK]").input_ids;
  };
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(ids(R"({"content": "[MASK]", "lstrip": true})"), (Ids{2, 5, 1, 1, 1, 4, 3}));
  EXPECT_EQ(ids(R"({"content": "[MASK]", "normalized": true})"), (Ids{2, 5, 4, 4, 3}));
}

// The ids and offsets are those of transformers 5.24.
TEST(LoadTokenizer, OfTwoTokensAlikeTheLastOneCounts) {
  const auto encode = [](const std::string& vocabulary, const std::string& config,
                         const std::string& added_tokens, const std::string& text) {
    const testing::TempFolder folder;
    folder.write("vocab.txt", vocabulary);
    folder.write("tokenizer_config.json", config);
    folder.write("added_tokens.json", added_tokens);
    return load_tokenizer(folder.path()).tokenizer.encode(text);
  };
  using Ids = std::vector<std::int32_t>;
  const std::string plain = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n";
  const std::string spaced = R"({"content": "[MASK]", "lstrip": true, "normalized": false})";
  const auto mask =
      encode(plain, "{\"mask_token\": " + spaced + R"(, "additional_special_tokens": ["[MASK]"]})",
             "{}", "a [MASK] b");
  EXPECT_EQ(mask.input_ids, (Ids{2, 5, 4, 6, 3}));
  EXPECT_EQ(mask.offsets[2].begin, 2u);
  // An extra token that has a name is special, as the named one is.
  const std::string twice = R"({"cls_token": "Foo", "extra_special_tokens": )"
                            R"([{"__type": "AddedToken", "content": "Foo"}]})";
  EXPECT_EQ(encode(plain + "Foo\nf\n##o\n", twice, "{}", "a foo").input_ids,
            (Ids{7, 5, 8, 9, 9, 3}));
  // A line that comes twice leaves the vocabulary with fewer tokens than ids.
  EXPECT_EQ(encode("a\na\nb\nx\n[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", "{}", R"({"<new>": 9})",
                   "a [MASK] <new> b")
                .input_ids,
            (Ids{6, 1, 8, 5, 5, 5, 2, 7}));
}

TEST(LoadTokenizer, RefusesSettingsThatWouldChangeIds) {
  EXPECT_EQ(complaint_about_config(R"({"truncation_side": "left"})"),
            "tokenizer_config.json: \"truncation_side\": expected \"right\", found \"left\"");
  EXPECT_EQ(complaint_about_config(R"({"split_special_tokens": true})"),
            "tokenizer_config.json: \"split_special_tokens\": expected false, found true");
  EXPECT_EQ(complaint_about("/truncation", {{"direction", "Left"}, {"max_length", 4}}),
            "tokenizer.json: \"truncation.direction\": expected \"Right\", found \"Left\"");
  EXPECT_EQ(complaint_about("/truncation", {{"direction", "Right"}, {"max_length", 4}}), "loads");
}

TEST(LoadTokenizer, RefusesBrokenValuesWithFileAndKey) {
  EXPECT_EQ(complaint_about_config(R"({"do_lower_case": "yes"})"),
            "tokenizer_config.json: \"do_lower_case\": expected true or false, found \"yes\"");
  EXPECT_EQ(complaint_about_config(R"({"cls_token": ""})"),
            "tokenizer_config.json: \"cls_token, sep_token\": expected tokens that are not empty, "
            "found \"\"");
  EXPECT_EQ(complaint_about_config(R"({"unk_token": "<unk>"})"),
            "vocab.txt: \"unk_token\": expected a token of the vocabulary, found \"<unk>\"");
  EXPECT_EQ(complaint_about_config(R"({"added_tokens_decoder": {"x": {"content": "a"}}})"),
            "tokenizer_config.json: \"added_tokens_decoder\": expected ids as keys, found \"x\"");
  EXPECT_EQ(complaint_about_config(R"({"added_tokens_decoder": {"3": "a"}})"),
            "tokenizer_config.json: \"added_tokens_decoder.3\": expected an object, found \"a\"");
  EXPECT_EQ(complaint_about_config(R"({"model_max_length": 0})"),
            "tokenizer_config.json: \"model_max_length\": expected a positive integer, found 0");
  EXPECT_EQ(
      complaint_about("/model/vocab/a", -1),
      "tokenizer.json: \"model.vocab.a\": expected an integer from 0 to 2147483646, found -1");
  EXPECT_EQ(complaint_about("/model/vocab/a", 1),
            "tokenizer.json: \"model.vocab\": expected each id once, found 1 twice");
  EXPECT_EQ(
      complaint_about("/post_processor/single", json::array()),
      "tokenizer.json: \"post_processor.single\": expected the sequence A once, found an array");
  EXPECT_EQ(complaint_about("/post_processor/special_tokens", json::object()),
            "tokenizer.json: \"post_processor.special_tokens.[CLS]\": expected a special token, "
            "found no such key");
  EXPECT_EQ(complaint_about("/added_tokens/0/lstrip", 1),
            "tokenizer.json: \"added_tokens[0].lstrip\": expected true or false, found 1");
}

TEST(LoadTokenizer, ATemplateCannotGrowBeyondItsFile) {
  const std::size_t many = 1000;
  json document = tokenizer_json();
  auto& cls = document["post_processor"]["special_tokens"]["[CLS]"];
  cls["ids"] = std::vector<int>(many, 2);
  cls["tokens"] = std::vector<std::string>(many, "[CLS]");
  auto& single = document["post_processor"]["single"];
  const json piece = {{"SpecialToken", {{"id", "[CLS]"}, {"type_id", 0}}}};
  for (std::size_t i = 0; i < many; ++i) single.push_back(piece);
  const std::string expected =
      "tokenizer.json: \"post_processor.single\": expected at most 1024 tokens, found an array";
  EXPECT_EQ(complaint({{"tokenizer.json", document.dump()}, kAsWritten}), expected);
  single = json::array();
  for (std::size_t i = 0; i < 2 * many; ++i) single.push_back(piece);
  EXPECT_EQ(complaint({{"tokenizer.json", document.dump()}, kAsWritten}), expected);
}

TEST(LoadTokenizer, AFolderWithoutAVocabularyIsAFileError) {
  const testing::TempFolder folder;
  EXPECT_THROW(load_tokenizer(folder.path()), FileError);
}

TEST(LoadTokenizer, ModelMaxLengthMayBeAstronomical) {
  const auto length = [](const std::string& value) {
    const testing::TempFolder folder;
    folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n");
    folder.write("tokenizer_config.json", "{\"model_max_length\": " + value + ", \"max_len\": 6}");
    return load_tokenizer(folder.path()).model_max_length;
  };
  EXPECT_EQ(length("512"), 512U);
  EXPECT_EQ(length("1000000000000000019884624838656"), std::nullopt);
  EXPECT_EQ(length("1e+30"), std::nullopt);
  EXPECT_EQ(length("null"), std::nullopt);
}

TEST(LoadTokenizer, SentenceTransformersMayAskForPlainLowerCaseFirst) {
  const testing::TempFolder folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\ne\n\xC3\xA9\n");
  folder.write("tokenizer_config.json", R"({"do_lower_case": false})");
  const auto id_of = [&](const TokenizerFilesOptions& options) {
    return load_tokenizer(folder.path(), options).tokenizer.encode("\xC3\x89").input_ids.at(1);
  };
  EXPECT_EQ(id_of({}), 0);
  EXPECT_EQ(id_of({.lowercase_first = true}), 4);
  folder.write("sentence_bert_config.json", R"({"do_lower_case": true})");
  EXPECT_EQ(id_of({}), 0);  // what reads the modules says so
}

TEST(LoadTokenizer, AnotherClassMayBeAdapted) {
  const testing::TempFolder folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "RoFormerTokenizer"})");
  TokenizerFilesOptions options;
  options.adapt = [](std::string_view name, TokenizerConfig& config) {
    config.normalizer.handle_chinese_chars = false;
    return name == "RoFormerTokenizer" && config.vocabulary.id("a") == 3;
  };
  const LoadedTokenizer loaded = load_tokenizer(folder.path(), options);
  EXPECT_FALSE(loaded.tokenizer.config().normalizer.handle_chinese_chars);
  EXPECT_EQ(loaded.tokenizer_class, "RoFormerTokenizer");
  EXPECT_EQ(loaded.file, "vocab.txt");
  options.adapt = [](std::string_view, TokenizerConfig&) { return false; };
  EXPECT_THROW(load_tokenizer(folder.path(), options), ConfigError);
}

TEST(ParseVocabulary, SkipsAByteOrderMarkAndCarriageReturns) {
  const Vocabulary vocabulary = parse_vocabulary("\xEF\xBB\xBF[PAD]\r\na\r\nb", "vocab.txt");
  EXPECT_EQ(vocabulary.id("[PAD]"), 0);
  EXPECT_EQ(vocabulary.id("a"), 1);
  EXPECT_EQ(vocabulary.id("b"), 2);
  EXPECT_EQ(vocabulary.size(), 3U);
}

TEST(ParseVocabulary, TheLastOfTwoEqualLinesCountsAndABlankLineTakesItsId) {
  const Vocabulary vocabulary = parse_vocabulary("a\n\nb\na\n", "vocab.txt");
  EXPECT_EQ(vocabulary.id("a"), 3);
  EXPECT_EQ(vocabulary.id(""), 1);
  EXPECT_EQ(vocabulary.id("b"), 2);
  EXPECT_EQ(vocabulary.id_limit(), 4U);
}

TEST(ParseVocabulary, RefusesOtherThanUtf8WithItsLine) {
  try {
    parse_vocabulary("a\nb\nc\xE4\xB8\nd\n", "vocab.txt");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_STREQ(error.what(), "vocab.txt: line 3: expected UTF-8, found other bytes at column 2");
  }
}

TEST(LoadTokenizerFromVocab, FindsTheSpecialTokensThatTheVocabularyHas) {
  const testing::TempFolder folder;
  const std::string path = folder.write("v.txt", "[UNK]\n[CLS]\n[SEP]\na\n[MASK]\n\xC3\xA9\n");
  const BertTokenizer tokenizer = load_tokenizer_from_vocab(path);
  EXPECT_EQ(tokenizer.encode("A[MASK]\xC3\x89").input_ids,
            (std::vector<std::int32_t>{1, 3, 4, 0, 2}));
  EXPECT_EQ(tokenizer.config().added_tokens.size(), 4U);
  const BertTokenizer kept = load_tokenizer_from_vocab(path, {.strip_accents = false});
  EXPECT_EQ(kept.encode("\xC3\x89").input_ids, (std::vector<std::int32_t>{1, 5, 2}));
}

TEST(LoadTokenizerFromVocab, NeedsClsAndSep) {
  const testing::TempFolder folder;
  const std::string path = folder.write("v.txt", "[UNK]\n[CLS]\na\n");
  EXPECT_THROW(load_tokenizer_from_vocab(path), ConfigError);
}

}  // namespace
}  // namespace semblance
