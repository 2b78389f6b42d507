#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/run_program.h"
#include "semblance/semblance.h"

namespace semblance::testing {
namespace {

// The data of a page: {x, y, cluster, centres, text}.
nlohmann::json data_of(const std::string& page) {
  const std::string front = "const data = ";
  const auto begin = page.find(front) + front.size();
  return nlohmann::json::parse(page.substr(begin, page.find(";\nconst plane", begin) - begin));
}

nlohmann::json map_of(const std::string& lines, const std::vector<std::string>& options = {}) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments{"map",      "--model",           kModel, "--input", "-",
                                     "--output", folder / "page.html"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto result = run_program(arguments, lines);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  return data_of(read_file(folder / "page.html"));
}

TEST(MapProgram, PlacesTextsOnThePlaneOfTheirPrincipalComponents) {
  std::string lines;
  std::vector<std::string> texts;
  for (int i = 0; i < 30; ++i) {
    texts.push_back("how " + std::string(1, static_cast<char>('a' + i % 26)) +
                    (i % 3 == 0 ? " are you" : " fine") + std::string(static_cast<std::size_t>(i % 4), 'x'));
    lines += texts.back() + '\n';
  }
  const auto data = map_of(lines);
  EXPECT_EQ(data.at("text").get<std::vector<std::string>>(), texts);
  const auto x = data.at("x").get<std::vector<double>>();
  const auto y = data.at("y").get<std::vector<double>>();
  ASSERT_EQ(x.size(), texts.size());
  ASSERT_EQ(y.size(), texts.size());
  double sum_x = 0, sum_y = 0, xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum_x += x[i];
    sum_y += y[i];
    xx += x[i] * x[i];
    yy += y[i] * y[i];
    xy += x[i] * y[i];
  }
  // Centred, uncorrelated, the direction of most variance across.
  EXPECT_NEAR(sum_x, 0, 1e-3 * std::sqrt(xx));
  EXPECT_NEAR(sum_y, 0, 1e-3 * std::sqrt(xx));
  EXPECT_NEAR(xy, 0, 1e-3 * xx);
  EXPECT_GE(xx, yy);
  EXPECT_GT(yy, 0);
  // A projection: no two dots are further apart than their vectors.
  const auto vectors = SentenceEncoder::load(kModel).encode(texts);
  for (std::size_t i = 1; i < x.size(); ++i) {
    EXPECT_LE(std::hypot(x[i] - x[0], y[i] - y[0]),
              static_cast<double>(euclidean_distance(vectors[i], vectors[0])) * 1.001 + 1e-4);
  }
}

TEST(MapProgram, ColoursTheClustersOfTheClusterCommand) {
  const auto data = map_of("fine\nhow are you\nwe\nfine\nhow are you\nhow are you\n",
                           {"--threshold", "0.999999", "--min-size", "2"});
  EXPECT_EQ(data.at("cluster"), (nlohmann::json{2, 1, 0, 2, 1, 1}));
  EXPECT_EQ(data.at("centres"), (nlohmann::json{1, 0}));
}

TEST(MapProgram, TakesHostileTexts) {
  const auto data = map_of("</script><b>\n\"\\\nbad \xFF byte\n\n");
  EXPECT_EQ(data.at("text"), (nlohmann::json{"</script><b>", "\"\\", "bad \xEF\xBF\xBD byte", ""}));
}

TEST(MapProgram, FewOrEqualTextsLieOnOnePoint) {
  EXPECT_EQ(map_of("").at("x"), nlohmann::json::array());
  EXPECT_EQ(map_of("fine\n").at("x"), nlohmann::json{0.0});
  const auto data = map_of("fine\nfine\nfine\n");
  EXPECT_EQ(data.at("x"), (nlohmann::json{0.0, 0.0, 0.0}));
  EXPECT_EQ(data.at("y"), (nlohmann::json{0.0, 0.0, 0.0}));
}

TEST(EvaluateProgram, DrawsADotAPair) {
  const TemporaryFolder folder;
  const std::string pairs =
      folder.write("a<b>.tsv", "how\thow\t2\nhow\tfine\t0\nare you\tyou\t1\n");
  const auto result = run_program(
      {"evaluate", "--model", kModel, "--json", "--plot", folder / "out.svg", pairs, pairs});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string svg = read_file(folder / "out.svg");
  std::size_t dots = 0;
  for (auto at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1)) {
    ++dots;
  }
  EXPECT_EQ(dots, 6u);
  EXPECT_NE(svg.find(">a&lt;b&gt;<"), std::string::npos) << svg;
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(EvaluateProgram, DrawsFewScoresInBandsOfTheirOwnHoweverFarApart) {
  const TemporaryFolder folder;
  const std::string pairs =
      folder.write("pairs.tsv", "how\thow\t100\nhow\tfine\t0\nare you\tyou\t1\n");
  const auto result =
      run_program({"evaluate", "--model", kModel, "--plot", folder / "out.svg", pairs});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string svg = read_file(folder / "out.svg");
  const auto place_of = [&](const std::string& label) {
    const auto text = svg.find("text-anchor=\"middle\">" + label + "</text>");
    const auto x = svg.rfind("x=\"", text) + 3;
    return text == std::string::npos ? 0.0 : std::stod(svg.substr(x));
  };
  EXPECT_NEAR(place_of("1") - place_of("0"), 320.0 / 3, 0.2) << svg;
  EXPECT_NEAR(place_of("100") - place_of("1"), 320.0 / 3, 0.2) << svg;
}

}  // namespace
}  // namespace semblance::testing
