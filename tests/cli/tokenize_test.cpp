#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "support/golden_model.h"

namespace semblance::testing {
namespace {

using nlohmann::json;

const std::string kVocab = kModel + "/vocab.txt";

// A line out for each line in.
std::vector<json> tokenize(const std::vector<std::string>& source, const std::vector<json>& lines) {
  std::vector<std::string> arguments = {"tokenize"};
  arguments.insert(arguments.end(), source.begin(), source.end());
  std::string input;
  for (const auto& line : lines) input += line.dump() + '\n';
  const auto result = run_program(arguments, input);
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<json> found;
  for (const auto& line : lines_of(result.out)) found.push_back(json::parse(line));
  EXPECT_EQ(found.size(), lines.size());
  found.resize(lines.size());
  return found;
}

TEST(TokenizeProgram, GivesTheIdsOfTheReference) {
  const GoldenModel model("bert-mlm");
  std::vector<json> lines;
  for (const auto& text : model.sentences()) lines.push_back({{"text", text}});
  const auto found = tokenize({"--model", kModel}, lines);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(found[i]["input_ids"], json(model.input_ids(i))) << i;
    EXPECT_EQ(found[i]["attention_mask"], json(std::vector<int>(model.input_ids(i).size(), 1)));
    EXPECT_EQ(found[i]["token_type_ids"], json(std::vector<int>(model.input_ids(i).size(), 0)));
    EXPECT_EQ(found[i]["truncated"], i == 12) << i;  // the last one is longer than the model allows
  }
}

TEST(TokenizeProgram, APairHasTheReferencesIdsAndTypes) {
  const GoldenModel model("bert-mlm");
  const auto found = tokenize(
      {"--model", kModel}, {{{"text", model.sentences()[1]}, {"pair", model.sentences()[3]}}})[0];
  const auto values = [&](const std::string& key) {
    const auto tensor = model.expected(key).as<std::int32_t>();
    return json(std::vector<std::int32_t>(tensor.begin(), tensor.end()));
  };
  EXPECT_EQ(found["input_ids"], values("pair.input_ids"));
  EXPECT_EQ(found["token_type_ids"], values("pair.token_type_ids"));
}

TEST(TokenizeProgram, OffsetsSliceTheTextInBytes) {
  const std::string text = "how \xe4\xbd\xa0 are, mixed";
  const auto found = tokenize({"--vocab", kVocab}, {{{"text", text}}})[0];
  std::vector<std::string> pieces;
  for (const auto& offset : found["offsets"]) {
    const auto begin = offset[0].get<std::size_t>();
    pieces.push_back(text.substr(begin, offset[1].get<std::size_t>() - begin));
  }
  EXPECT_EQ(pieces,
            (std::vector<std::string>{"", "how", "\xe4\xbd\xa0", "are", ",", "mix", "ed", ""}));
  EXPECT_EQ(found["tokens"],
            (json{"[CLS]", "how", "\xe4\xbd\xa0", "are", ",", "mix", "##ed", "[SEP]"}));
}

TEST(TokenizeProgram, ALineMayAskForALengthOrForNoSpecialTokens) {
  const auto found =
      tokenize({"--vocab", kVocab}, {{{"text", "how are you"}, {"max_length", 4}},
                                     {{"text", "how are you"}, {"max_length", 5}},
                                     {{"text", "how are you"}, {"add_special_tokens", false}}});
  EXPECT_EQ(found[0]["tokens"], (json{"[CLS]", "how", "are", "[SEP]"}));
  EXPECT_EQ(found[0]["truncated"], true);
  EXPECT_EQ(found[1]["tokens"], (json{"[CLS]", "how", "are", "you", "[SEP]"}));
  EXPECT_EQ(found[1]["truncated"], false);
  EXPECT_EQ(found[2]["tokens"], (json{"how", "are", "you"}));
}

TEST(TokenizeProgram, AVocabularyAloneHasNoLimitAndAModelHasItsOwn) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "how ";
  EXPECT_EQ(tokenize({"--vocab", kVocab}, {{{"text", text}}})[0]["input_ids"].size(), 1002u);
  const auto limited = tokenize({"--model", kModel}, {{{"text", text}}})[0];
  EXPECT_EQ(limited["input_ids"].size(), 48u);
  EXPECT_EQ(limited["truncated"], true);
  EXPECT_EQ(
      tokenize({"--model", kModel}, {{{"text", text}, {"max_length", 7}}})[0]["input_ids"].size(),
      7u);
}

TEST(TokenizeProgram, FlagsOfABareVocabularyAreTheReferences) {
  const json line = {{"text", "How na\xc3\xafve \xe4\xbd\xa0\xe5\xa5\xbd"}};
  const auto tokens = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> source = {"--vocab", kVocab};
    source.insert(source.end(), flags.begin(), flags.end());
    return tokenize(source, {line})[0]["tokens"];
  };
  EXPECT_EQ(tokens({}),
            (json{"[CLS]", "how", "na", "##ive", "\xe4\xbd\xa0", "\xe5\xa5\xbd", "[SEP]"}));
  EXPECT_EQ(tokens({"--no-do-lower-case"}),
            (json{"[CLS]", "H", "##ow", "[UNK]", "\xe4\xbd\xa0", "\xe5\xa5\xbd", "[SEP]"}));
  EXPECT_EQ(tokens({"--strip-accents", "false"}),
            (json{"[CLS]", "how", "[UNK]", "\xe4\xbd\xa0", "\xe5\xa5\xbd", "[SEP]"}));
  EXPECT_EQ(tokens({"--no-do-lower-case", "--strip-accents", "true"}),
            (json{"[CLS]", "H", "##ow", "na", "##ive", "\xe4\xbd\xa0", "\xe5\xa5\xbd", "[SEP]"}));
  EXPECT_EQ(tokens({"--no-tokenize-chinese-chars"}),
            (json{"[CLS]", "how", "na", "##ive", "[UNK]", "[SEP]"}));
}

TEST(TokenizeProgram, AnAnswerComesBeforeTheInputEnds) {
  RunningProgram program(program_command({"tokenize", "--vocab", kVocab}));
  for (int i = 0; i < 3; ++i) {
    program.write("{\"text\": \"how are you\"}\n");
    EXPECT_EQ(json::parse(program.read_line())["tokens"].size(), 5u);
  }
  EXPECT_EQ(program.finish().status, 0);
}

TEST(TokenizeProgram, ALineThatItCannotReadIsNamed) {
  for (const std::string line :
       {"", "how", "[]", "{}", "{\"text\": 3}", "{\"text\": \"a\", \"pair\": 3}",
        "{\"text\": \"a\", \"max_length\": \"4\"}", "{\"text\": \"a\", \"max_length\": -1}",
        "{\"text\": \"a\", \"max_length\": 1}", "{\"text\": \"a\", \"add_special_tokens\": 1}",
        "{\"text\": \"a\"} {\"text\": \"b\"}", "{\"text\": \"\xc3\"}"}) {
    const auto result =
        run_program({"tokenize", "--vocab", kVocab}, "{\"text\": \"a\"}\n" + line + "\n");
    EXPECT_EQ(result.status, 1) << line;
    EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
    EXPECT_NE(result.err.find("standard input: line 2"), std::string::npos) << result.err;
    EXPECT_EQ(lines_of(result.out).size(), 1u) << line;
  }
}

TEST(TokenizeProgram, ABrokenVocabularyIsNamedWithItsLine) {
  const TemporaryFolder folder;
  const std::string vocab = folder.write("vocab.txt", "[UNK]\n[CLS]\n\xff\n[SEP]\n");
  const auto result = run_program({"tokenize", "--vocab", vocab}, "{\"text\": \"a\"}\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(is_one_error_line(result.err)) << result.err;
  EXPECT_NE(result.err.find("vocab.txt: line 3"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace semblance::testing
