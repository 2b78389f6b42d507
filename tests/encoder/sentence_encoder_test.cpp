#include "semblance/sentence_encoder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "semblance/layers/sequence_batch.h"
#include "semblance/models/encoder_model.h"
#include "semblance/search/similarity.h"
#include "semblance/semblance.h"
#include "semblance/text/bert_tokenizer.h"
#include "support/allocations.h"
#include "support/forked.h"
#include "support/golden_model.h"

namespace semblance {
namespace {

using testing::GoldenModel;

class SentenceEncoderTest : public ::testing::Test {
 protected:
  GoldenModel golden{"bert-mlm"};
  SentenceEncoder encoder = SentenceEncoder::load(golden.folder());

  // Texts of many lengths, the empty one among them.
  std::vector<std::string> texts() const {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < 60; ++i) {
      std::string text;
      for (std::size_t j = 0; j < i % 13; ++j) {
        text += golden.sentences()[(i + j) % golden.sentences().size()];
      }
      result.push_back(text);
    }
    return result;
  }
  static double length(std::span<const float> vector) {
    double squares = 0;
    for (const float value : vector) squares += double{value} * value;
    return std::sqrt(squares);
  }
};

TEST_F(SentenceEncoderTest, OneTextHasTheBitsItHasInAnyBatchOnAnyNumberOfThreads) {
  const auto all = texts();
  std::vector<float> alone;
  for (const auto& text : all) {
    const auto vector = encoder.encode(text, {.pooling = Pooling::mean, .num_threads = 1});
    alone.insert(alone.end(), vector.begin(), vector.end());
  }
  for (const std::size_t batch_size : {1u, 2u, 7u, 32u, 1000u}) {
    for (const std::size_t num_threads : {1u, 2u, 3u, 4u}) {
      const auto together = encoder.encode(
          all, {.batch_size = batch_size, .pooling = Pooling::mean, .num_threads = num_threads});
      EXPECT_EQ(together.values, alone) << batch_size << " texts, " << num_threads << " threads";
    }
  }
}

TEST_F(SentenceEncoderTest, TextsInBracesAreTexts) {
  const auto vectors = encoder.encode({"how are you", "fine"});
  ASSERT_EQ(vectors.num_texts, 2u);
  const auto alone = encoder.encode("fine");
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), vectors[1].begin()));
  EXPECT_EQ(encoder.encode({"fine"}, {.normalize = true}).num_texts, 1u);
  EXPECT_EQ(encoder.encode({}).num_texts, 0u);
}

TEST_F(SentenceEncoderTest, ResultsComeInTheOrderOfTheTexts) {
  auto all = texts();
  const auto forward = encoder.encode(all);
  std::reverse(all.begin(), all.end());
  const auto backward = encoder.encode(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto a = forward[i];
    const auto b = backward[all.size() - 1 - i];
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << i;
  }
}

TEST_F(SentenceEncoderTest, SaysHowManyTokensAndWhetherSomeWereCut) {
  const auto whole = encoder.encode("abc");
  EXPECT_FALSE(whole.truncated);
  const std::size_t limit = whole.num_tokens;
  const std::vector<std::string> two{"abc", "abc abc abc"};
  const auto result = encoder.encode(two, {.max_length = limit});
  EXPECT_EQ(result.num_tokens, (std::vector<std::size_t>{limit, limit}));
  EXPECT_EQ(result.truncated, (std::vector<std::uint8_t>{0, 1}));
}

TEST_F(SentenceEncoderTest, ALimitAboveTheModelsOwnIsTheModelsOwn) {
  const std::string text(10 * encoder.max_length(), '.');
  const auto result = encoder.encode(text, {.max_length = 1000000});
  EXPECT_EQ(result.num_tokens, encoder.max_length());
  EXPECT_TRUE(result.truncated);
}

TEST_F(SentenceEncoderTest, NormalizedVectorsHaveLengthOne) {
  const auto result = encoder.encode(texts(), {.normalize = true});
  for (std::size_t i = 0; i < result.num_texts; ++i) EXPECT_NEAR(length(result[i]), 1.0, 1e-6);
}

TEST_F(SentenceEncoderTest, ACutVectorIsTheFrontOfTheWholeAndNormalizedAgain) {
  const auto text = golden.sentences()[0];
  const auto whole = encoder.encode(text);
  const auto cut = encoder.encode(text, {.dim = 5});
  ASSERT_EQ(cut.size(), 5U);
  EXPECT_TRUE(std::equal(cut.begin(), cut.end(), whole.begin()));
  EXPECT_NEAR(length(encoder.encode(text, {.normalize = true, .dim = 5})), 1.0, 1e-6);
}

TEST_F(SentenceEncoderTest, AFolderThatNormalizesNormalizesACutAndLeavesItOutWhenTold) {
  const GoldenModel normalizing("st-cls-normalize-old");
  const auto other = SentenceEncoder::load(normalizing.folder());
  const auto& text = normalizing.sentences()[0];
  EXPECT_NEAR(length(other.encode(text)), 1.0, 1e-6);
  EXPECT_NEAR(length(other.encode(text, {.dim = 3})), 1.0, 1e-6);
  const auto raw = other.encode(text, {.normalize = false});
  EXPECT_GT(std::abs(length(raw) - 1.0), 1e-2);
  EXPECT_EQ(raw.values, other.encode(text, {.pooling = Pooling::cls}).values);
}

TEST_F(SentenceEncoderTest, NoModulesGivesTheBareEncoder) {
  const GoldenModel folder("st-cls-normalize-old");
  const auto bare = SentenceEncoder::load(folder.folder(), {.use_modules = false});
  const auto whole = SentenceEncoder::load(folder.folder());
  const std::string text = "how are you";
  EXPECT_EQ(bare.encode(text).values, whole.encode(text, {.pooling = Pooling::cls}).values);
}

TEST_F(SentenceEncoderTest, APromptStandsInFrontOfTheText) {
  const auto with_prompt = encoder.encode("text", {.prompt = "query: "});
  EXPECT_EQ(with_prompt.values, encoder.encode("query: text").values);
}

// As encode_query() and encode_document() of sentence-transformers.
TEST_F(SentenceEncoderTest, ATaskChoosesAPromptWhereNoneIsGiven) {
  const GoldenModel with_prompts("st-max-prompts");
  const auto retriever = SentenceEncoder::load(with_prompts.folder());
  const auto values = [&](const EncodeOptions& options) {
    return retriever.encode("how are you", options).values;
  };
  const auto by_name = [&](const std::string& name) { return values({.prompt_name = name}); };
  ASSERT_NE(by_name("query"), by_name("document"));
  EXPECT_EQ(values({.task = Task::query}), by_name("query"));
  EXPECT_EQ(values({.task = Task::document}), by_name("document"));
  EXPECT_EQ(values({.prompt_name = "passage", .task = Task::query}), by_name("passage"));
  EXPECT_EQ(values({.prompt = "", .task = Task::query}), values({.prompt = ""}));
  EXPECT_EQ(encoder.encode("text", {.task = Task::query}).values, encoder.encode("text").values);
}

TEST_F(SentenceEncoderTest, OneVectorIsAMatrixOfOneRow) {
  const auto vector = encoder.encode("text");
  const auto vectors = encoder.encode({"text", "other"});
  const auto scores = similarity(vectors, vector.view());
  EXPECT_EQ(scores.shape(), (Shape{2, 1}));
  EXPECT_EQ(scores.matrix().row(1)[0], similarity(vectors[1], vector));
}

TEST_F(SentenceEncoderTest, OptionsThatTheModelCannotMeetAreRefused) {
  EXPECT_THROW(encoder.encode("a", {.pooling = Pooling::pooler_output}), std::invalid_argument);
  EXPECT_THROW(encoder.encode("a", {.pooling = static_cast<Pooling>(9)}), std::invalid_argument);
  EXPECT_THROW(encoder.encode("a", {.dim = 100000}), std::invalid_argument);
  EXPECT_THROW(encoder.encode("a", {.prompt_name = "query"}), std::invalid_argument);
  EXPECT_THROW(encoder.encode("a", {.prompt = "a", .prompt_name = "b"}), std::invalid_argument);
  EXPECT_THROW(encoder.encode("a", {.task = static_cast<Task>(3)}), std::invalid_argument);
  EXPECT_THROW(encoder.encode("a", {.max_length = 1}), std::invalid_argument);
  std::vector<float> room(3);
  const std::string_view text = "a";
  EXPECT_THROW(encoder.encode_into(std::span(&text, 1), room), std::invalid_argument);
}

TEST_F(SentenceEncoderTest, NoTextsGiveNoVectors) {
  const auto result = encoder.encode(std::vector<std::string>{});
  EXPECT_EQ(result.num_texts, 0U);
  EXPECT_TRUE(result.values.empty());
}

TEST_F(SentenceEncoderTest, ProgressReachesTheTotal) {
  const auto all = texts();
  std::size_t last = 0;
  encoder.encode(all, {.batch_size = 4, .progress = [&](std::size_t done, std::size_t total) {
                         EXPECT_GT(done, last);
                         EXPECT_EQ(total, all.size());
                         last = done;
                       }});
  EXPECT_EQ(last, all.size());
}

TEST_F(SentenceEncoderTest, CancellationThrowsAndLeavesTheEncoderUsable) {
  const auto all = texts();
  const auto before = encoder.encode(all);
  std::stop_source stop;
  EncodeOptions options{.batch_size = 1};
  options.stop_token = stop.get_token();
  options.progress = [&](std::size_t done, std::size_t) {
    if (done == 3) stop.request_stop();
  };
  EXPECT_THROW(encoder.encode(all, options), Cancelled);
  EXPECT_EQ(encoder.encode(all).values, before.values);
}

TEST_F(SentenceEncoderTest, ManyThreadsMayEncodeAtOnce) {
  const auto all = texts();
  const auto expected = encoder.encode(all).values;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        if (encoder.encode(all, {.num_threads = static_cast<std::size_t>(t % 3)}).values !=
            expected) {
          ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

#if !defined(_WIN32)
TEST_F(SentenceEncoderTest, EncodesInAChildProcessAsInItsParent) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer allows no threads in a fork";
#endif
  const auto all = texts();
  const EncodeOptions options{.batch_size = 7, .num_threads = 3};
  const auto expected = encoder.encode(all, options).values;  // its threads stay in the parent
  EXPECT_TRUE(testing::true_in_a_fork([&] {
    return encoder.encode(all, options).values == expected &&
           SentenceEncoder::load(golden.folder()).encode(all, options).values == expected;
  }));
  EXPECT_EQ(encoder.encode(all, options).values, expected);
}
#endif

TEST_F(SentenceEncoderTest, TheCallersExecutorRunsTheWork) {
  class Counting final : public Executor {
   public:
    std::size_t concurrency() const noexcept override { return 3; }
    void run(std::size_t num_tasks, FunctionRef<void(std::size_t)> task) override {
      ++num_runs;
      for (std::size_t i = num_tasks; i-- > 0;) task(i);
    }
    int num_runs = 0;
  } executor;
  EncodeOptions options;
  options.executor = &executor;
  EXPECT_EQ(encoder.encode(texts(), options).values, encoder.encode(texts()).values);
  EXPECT_GT(executor.num_runs, 0);
}

TEST_F(SentenceEncoderTest, EncodeIntoAllocatesNothingOnceWarm) {
  const auto all = texts();
  const std::vector<std::string_view> views(all.begin(), all.end());
  std::vector<float> room(views.size() * encoder.output_dim());
  for (const std::size_t num_threads : {1u, 2u}) {
    const EncodeOptions options{.normalize = true, .num_threads = num_threads};
    // Which thread meets which group is chance; a few rounds let each thread's room grow to the
    // most.
    for (int i = 0; i < 50; ++i) encoder.encode_into(views, room, options);
    const std::size_t before = testing::num_allocations;
    encoder.encode_into(views, room, options);
    EXPECT_EQ(testing::num_allocations - before, 0U) << num_threads << " threads";
  }
}

TEST_F(SentenceEncoderTest, EveryPrecisionHasOneVectorATextNearThatOfFloat32AndAllocatesNothing) {
  const auto all = texts();
  const std::vector<std::string_view> views(all.begin(), all.end());
  const auto reference = encoder.encode(all, {.pooling = Pooling::mean});
  for (const Precision precision : {Precision::f16, Precision::bf16, Precision::int8}) {
    const auto loaded = SentenceEncoder::load(golden.folder(), {.precision = precision});
    EXPECT_LT(loaded.encoder().byte_count(), encoder.encoder().byte_count());
    std::vector<float> alone;
    for (const auto& text : all) {
      const auto vector = loaded.encode(text, {.pooling = Pooling::mean, .num_threads = 1});
      alone.insert(alone.end(), vector.begin(), vector.end());
    }
    for (const std::size_t num_threads : {1u, 2u, 4u}) {
      const EncodeOptions options{
          .batch_size = 7 * num_threads, .pooling = Pooling::mean, .num_threads = num_threads};
      const auto together = loaded.encode(all, options);
      EXPECT_EQ(together.values, alone) << name_of(precision) << ", " << num_threads << " threads";
      float sum = 0.0f;
      for (std::size_t i = 0; i < all.size(); ++i) {
        sum += similarity(together[i], reference[i]);
        EXPECT_GT(similarity(together[i], reference[i]), 0.998f) << name_of(precision);
      }
      EXPECT_GT(sum / static_cast<float>(all.size()), 0.999f) << name_of(precision);
    }
    std::vector<float> room(views.size() * loaded.output_dim());
    const EncodeOptions options{.num_threads = 2};
    for (int i = 0; i < 50; ++i) loaded.encode_into(views, room, options);
    const std::size_t before = testing::num_allocations;
    loaded.encode_into(views, room, options);
    EXPECT_EQ(testing::num_allocations - before, 0U) << name_of(precision);
  }
}

TEST(SentenceEncoder, EncodeIntoAllocatesNothingWhateverFollowsTheEncoder) {
  const auto count = [](const SentenceEncoder& encoder, const std::vector<std::string>& texts,
                        const EncodeOptions& options) {
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    std::vector<float> room(views.size() * encoder.output_dim(options));
    for (int i = 0; i < 3; ++i) encoder.encode_into(views, room, options);
    const std::size_t before = testing::num_allocations;
    encoder.encode_into(views, room, options);
    return testing::num_allocations - before;
  };
  for (const char* name : {"bert-mlm", "st-dense-chain-old", "st-layernorm", "st-all-modes-prompts",
                           "roformer-value-projected", "system-simbert-small"}) {
    const GoldenModel golden(name);
    const auto folder_encoder = SentenceEncoder::load(golden.folder());
    EXPECT_EQ(count(folder_encoder, golden.sentences(), {.num_threads = 1}), 0u) << name;
    for (const auto& entry : kPoolingNames) {
      const auto pooling = pooling_of(entry.name);
      if (pooling == Pooling::pooler_output && !folder_encoder.encoder().has_pooler()) continue;
      EXPECT_EQ(count(folder_encoder, golden.sentences(), {.pooling = pooling, .num_threads = 1}),
                0u)
          << name << ' ' << entry.name;
    }
  }
}

TEST_F(SentenceEncoderTest, IdsGiveTheVectorsOfTheirText) {
  const auto& text = golden.sentences()[0];
  const auto ids = encoder.tokenizer().encode(text).input_ids;
  const std::vector<std::size_t> starts{0, ids.size()};
  std::vector<float> room(encoder.output_dim());
  encoder.encode_ids_into(SequenceBatch(starts), ids, room);
  EXPECT_EQ(room, encoder.encode(text).values);
  std::vector<std::int32_t> bad = ids;
  bad[1] = 1 << 30;
  EXPECT_THROW(encoder.encode_ids_into(SequenceBatch(starts), bad, room), std::invalid_argument);
  bad = ids;
  bad.pop_back();
  EXPECT_THROW(encoder.encode_ids_into(SequenceBatch(starts), bad, room), std::invalid_argument);
}

TEST_F(SentenceEncoderTest, SimilarityTakesVectorsAndTables) {
  const auto a = encoder.encode(golden.sentences()[0]);
  const auto many = encoder.encode(texts());
  EXPECT_NEAR(similarity(a, a), 1.0f, 1e-6f);
  const auto table = similarity(many, many);
  EXPECT_EQ(table.shape(), (Shape{many.num_texts, many.num_texts}));
  EXPECT_EQ(many.matrix().rows(), static_cast<Eigen::Index>(many.num_texts));
  EXPECT_FLOAT_EQ(table.matrix().row(1)[2], similarity(many[1], many[2]));
}

}  // namespace
}  // namespace semblance
