// Prints one hash per kernel over seeded data, the same on every CPU, with every compiler and
// optimization flag. Every supported target is run; those that differ from scalar are named and the
// exit code is 1. kernel_bits.cmake compares the output with kernel_bits.txt.
#include "kernel_data.h"

namespace {

using namespace semblance::simd;
using test::Random;

// FNV-1a over the bits; NaN counts as one value.
std::uint64_t hash(const std::vector<float>& values, std::uint64_t state = 14695981039346656037u) {
  for (const float value : values) {
    std::uint32_t bits = std::isnan(value) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(value);
    for (int i = 0; i < 4; ++i, bits >>= 8) state = (state ^ (bits & 255u)) * 1099511628211u;
  }
  return state;
}

std::uint64_t linear_bits(const Kernels& kernels) {
  std::uint64_t state = 1;
  for (std::uint32_t i = 0; i < 48; ++i) {
    test::LinearCase c{.rows = i * 7 % 37,
                       .in_features = 1 + i * 29 % 150,
                       .out_features = 1 + i * 17 % 101,
                       .activation = static_cast<Activation>(i % 6),
                       .with_bias = i % 2 == 0,
                       .with_residual = i % 3 == 0,
                       .residual_is_output = i % 5 == 0,
                       .seed = i};
    state = hash(test::run_linear(kernels, c), state);
  }
  return hash(test::run_linear(kernels, {.rows = 40, .in_features = 800, .out_features = 70}),
              state);
}

std::vector<test::LinearCase> weight_cases() {
  std::vector<test::LinearCase> cases;
  for (std::uint32_t i = 0; i < 48; ++i) {
    cases.push_back({.rows = i * 7 % 37,
                     .in_features = 1 + i * 29 % 150,
                     .out_features = 1 + i * 17 % 101,
                     .activation = static_cast<Activation>(i % 6),
                     .with_bias = i % 2 == 0,
                     .with_residual = i % 3 == 0,
                     .residual_is_output = i % 5 == 0,
                     .seed = i});
  }
  // Deep, and of whole AMX tiles.
  cases.push_back({.rows = 40, .in_features = 832, .out_features = 70});
  return cases;
}

std::uint64_t half_bits(const Kernels& kernels) {
  std::uint64_t state = 1;
  for (const auto& c : weight_cases()) {
    state = hash(test::run_half_linear(kernels, c, false), state);
    state = hash(test::run_half_linear(kernels, c, true), state);
  }
  return state;
}

std::uint64_t int8_bits(const Kernels& kernels) {
  std::uint64_t state = 1;
  Random random(3);
  for (const auto& c : weight_cases()) {
    state = hash(test::run_int8_linear(kernels, c), state);
    // Any codes, whether their pairs fit or not.
    test::LinearData data(c);
    test::Int8Weight weight{std::vector<std::int8_t>(c.out_features * c.in_features),
                            std::vector<float>(c.out_features, 0.01f)};
    for (auto& code : weight.codes) code = static_cast<std::int8_t>(random.bits() & 255u);
    state = hash(test::run_int8_linear(kernels, c, data, weight), state);
  }
  std::vector<float> wide(333);
  std::vector<std::int8_t> codes(wide.size());
  for (auto& code : codes) code = static_cast<std::int8_t>(random.bits() & 255u);
  kernels.int8_to_float32(codes.data(), 0.0123f, codes.size(), wide.data());
  return hash(wide, state);
}

std::uint64_t hadamard_bits(const Kernels& kernels) {
  std::uint64_t state = 1;
  for (std::uint32_t size = 0; size < 70; ++size) {
    Random random(size);
    for (std::size_t pieces = 1; pieces <= kMostHadamardPieces; pieces *= 2) {
      const std::vector<float> row = random.values(size * pieces);
      std::vector<float> transformed(row.size());
      kernels.hadamard(row.data(), row.size(), pieces, transformed.data());
      state = hash(transformed, state);
    }
  }
  return state;
}

std::uint64_t attention_bits(const Kernels& kernels, bool in_int8) {
  std::uint64_t state = 1;
  for (std::uint32_t i = 0; i < 40; ++i) {
    test::AttentionCase c{.length = i * i % 71,
                          .head_dim = 1 + i * 13 % 80,
                          .scale = static_cast<float>(i + 1) / 32.0f,
                          .spread = 1.0f + static_cast<float>(i % 5),
                          .seed = i,
                          .in_int8 = in_int8};
    state = hash(test::run_attention(kernels, c), state);
  }
  return state;
}

std::uint64_t float_attention_bits(const Kernels& kernels) {
  return attention_bits(kernels, false);
}

std::uint64_t int8_attention_bits(const Kernels& kernels) { return attention_bits(kernels, true); }

std::uint64_t layer_norm_bits(const Kernels& kernels) {
  std::uint64_t state = 1;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const std::size_t size = 1 + i * 31 % 400, rows = i % 7;
    Random random(i);
    std::vector<float> values = random.values(rows * size, -2.0f, 3.0f);
    const std::vector<float> gamma = random.values(size), beta = random.values(size);
    kernels.layer_norm(
        {values.data(), size, rows, size, gamma.data(), beta.data(), 1e-12f, values.data(), size});
    state = hash(values, state);
  }
  return state;
}

std::uint64_t rotary_bits(const Kernels& kernels) {
  Random random(4);
  std::vector<float> values = random.values(6 * 3 * 26);
  const std::vector<float> sine = random.values(6 * 13), cosine = random.values(6 * 13);
  kernels.rotary({values.data(), 3 * 26, 6, 3, 26, sine.data(), cosine.data()});
  return hash(values);
}

std::uint64_t activation_bits(const Kernels& kernels) {
  std::uint64_t state = 1;
  for (std::uint32_t i = 0; i < 6; ++i) {
    Random random(i);
    std::vector<float> values = random.values(3001, -12.0f, 12.0f);
    for (std::size_t j = 0; j < 20000; ++j) values.push_back(std::bit_cast<float>(random.bits()));
    kernels.activate(static_cast<Activation>(i), values.data(), values.size());
    state = hash(values, state);
  }
  return state;
}

std::uint64_t sum_bits(const Kernels& kernels) {
  std::vector<float> results;
  for (std::uint32_t size = 0; size < 200; ++size) {
    Random random(size);
    const std::vector<float> a = random.values(size * 9), b = random.values(size + 9);
    results.push_back(kernels.dot(a.data(), b.data(), size));
    results.push_back(kernels.squared_distance(a.data(), b.data(), size));
    results.push_back(kernels.absolute_distance(a.data(), b.data(), size));
    std::vector<float> more(9 + size);
    kernels.dot_table({b.data(), size, 1, a.data(), size, 9, size, more.data(), 9});
    kernels.column_sums(a.data(), size, 9, size, size % 2 == 0 ? nullptr : b.data(),
                        more.data() + 9);
    results.insert(results.end(), more.begin(), more.end());
  }
  return hash(results);
}

std::uint64_t widening_bits(const Kernels& kernels) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  std::vector<float> wide(65536);
  kernels.float16_to_float32(halves.data(), halves.size(), wide.data());
  const std::uint64_t state = hash(wide);
  kernels.bfloat16_to_float32(halves.data(), halves.size(), wide.data());
  return hash(wide, state);
}

}  // namespace

int main() {
  const struct {
    const char* name;
    std::uint64_t (*bits)(const Kernels&);
  } groups[] = {{"linear", linear_bits},
                {"attention", float_attention_bits},
                {"layer_norm", layer_norm_bits},
                {"rotary", rotary_bits},
                {"activate", activation_bits},
                {"sums", sum_bits},
                {"widening", widening_bits},
                {"half", half_bits},
                {"int8", int8_bits},
                {"hadamard", hadamard_bits},
                {"int8_attention", int8_attention_bits}};
  bool same = true;
  for (const auto& group : groups) {
    const std::uint64_t expected = group.bits(kernels_for(Isa::scalar));
    std::printf("%s %016llx\n", group.name, static_cast<unsigned long long>(expected));
    for (const Isa isa : test::wide_isas()) {
      if (kernels_for(isa).isa == isa && group.bits(kernels_for(isa)) == expected) continue;
      std::printf("%s differs on %s\n", group.name, std::string(name_of(isa)).c_str());
      same = false;
    }
  }
  return same ? 0 : 1;
}
