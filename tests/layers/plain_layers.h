#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "semblance/layers/activation.h"
#include "semblance/layers/encoder_layer.h"
#include "semblance/layers/position_encoding.h"
#include "support/random_values.h"

// The layers once more, with seeded random parameters and as the papers write them: loops over
// double, one formula a function, nothing shared with the library's forms.

namespace semblance::testing {

using Values = std::vector<double>;  // row-major
using PlainFunction = std::function<double(double)>;

struct RandomLinear {
  StoredTensor weight;
  std::optional<StoredTensor> bias;

  RandomLinear(std::size_t out_features, std::size_t in_features, RandomValues& random,
               DType dtype = DType::f32, bool has_bias = true)
      : weight({out_features, in_features}, random, dtype) {
    if (has_bias) bias.emplace(Shape{out_features}, random, dtype);
  }
  LinearParameters parameters() const {
    return {.weight = weight.view(),
            .bias = bias ? std::optional<TensorView>(bias->view()) : std::nullopt};
  }
  std::size_t out_features() const { return weight.view().shape[0]; }
  std::size_t in_features() const { return weight.view().shape[1]; }
};

struct RandomLayerNorm {
  StoredTensor gamma;
  StoredTensor beta;
  double eps;

  RandomLayerNorm(std::size_t size, RandomValues& random, double eps_ = 1e-12)
      : gamma({size}, random), beta({size}, random), eps(eps_) {}
  LayerNormParameters parameters() const {
    return {.weight = gamma.view(), .bias = beta.view(), .eps = eps};
  }
};

struct RandomEncoderLayer {
  RandomLinear query, key, value, output;
  RandomLayerNorm attention_norm;
  RandomLinear intermediate, feed_forward_output;
  RandomLayerNorm output_norm;
  std::size_t num_heads;

  RandomEncoderLayer(std::size_t hidden_size, std::size_t intermediate_size, std::size_t heads,
                     RandomValues& random)
      : query(hidden_size, hidden_size, random),
        key(hidden_size, hidden_size, random),
        value(hidden_size, hidden_size, random),
        output(hidden_size, hidden_size, random),
        attention_norm(hidden_size, random),
        intermediate(intermediate_size, hidden_size, random),
        feed_forward_output(hidden_size, intermediate_size, random),
        output_norm(hidden_size, random),
        num_heads(heads) {}

  SelfAttentionParameters attention() const {
    return {.query = query.parameters(),
            .key = key.parameters(),
            .value = value.parameters(),
            .output = output.parameters(),
            .output_layer_norm = attention_norm.parameters(),
            .num_attention_heads = num_heads};
  }
  FeedForwardParameters feed_forward() const {
    return {.intermediate = intermediate.parameters(),
            .output = feed_forward_output.parameters(),
            .output_layer_norm = output_norm.parameters()};
  }
  EncoderLayerParameters parameters() const {
    return {.attention = attention(), .feed_forward = feed_forward()};
  }
};

inline double plain_identity(double x) { return x; }
inline double plain_gelu(double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }

// activation(x W^T + b) for x [rows, in_features].
inline Values plain_linear(const RandomLinear& linear, const Values& x,
                           const PlainFunction& activation = plain_identity) {
  const std::size_t in = linear.in_features(), out = linear.out_features();
  const std::size_t rows = x.size() / in;
  Values y(rows * out);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = linear.bias ? linear.bias->values()[o] : 0.0;
      for (std::size_t i = 0; i < in; ++i)
        sum += x[r * in + i] * linear.weight.values()[o * in + i];
      y[r * out + o] = activation(sum);
    }
  }
  return y;
}

inline Values plain_layer_norm(const RandomLayerNorm& norm, const Values& x) {
  const std::size_t size = norm.gamma.values().size();
  Values y(x.size());
  for (std::size_t first = 0; first < x.size(); first += size) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < size; ++i) sum += x[first + i];
    const double mean = sum / static_cast<double>(size);
    for (std::size_t i = 0; i < size; ++i) squares += std::pow(x[first + i] - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(size) + norm.eps);
    for (std::size_t i = 0; i < size; ++i) {
      y[first + i] =
          (x[first + i] - mean) / deviation * norm.gamma.values()[i] + norm.beta.values()[i];
    }
  }
  return y;
}

enum class PlainPositions { absolute, rotary, rotary_with_value };

// Turns the pairs of each head as complex numbers: row r of a text by e^(i r 10000^(-2j / d)).
inline void plain_rotate(Values& rows, std::size_t hidden_size, std::size_t head_dim) {
  for (std::size_t at = 0; at < rows.size(); at += 2) {
    const auto position = static_cast<double>(at / hidden_size);
    const auto j2 = static_cast<double>(at % hidden_size % head_dim);
    const double angle = position * std::pow(10000.0, -j2 / static_cast<double>(head_dim));
    const std::complex<double> turned =
        std::complex<double>(rows[at], rows[at + 1]) * std::polar(1.0, angle);
    rows[at] = turned.real();
    rows[at + 1] = turned.imag();
  }
}

// LayerNorm(x + Attention(x) W_O + b_O) for one text.
inline Values plain_self_attention(const RandomEncoderLayer& layer, const Values& x,
                                   PlainPositions positions) {
  const std::size_t hidden = layer.query.in_features();
  const std::size_t head_dim = hidden / layer.num_heads;
  const std::size_t length = x.size() / hidden;
  Values query = plain_linear(layer.query, x), key = plain_linear(layer.key, x),
         value = plain_linear(layer.value, x);
  if (positions != PlainPositions::absolute) {
    plain_rotate(query, hidden, head_dim);
    plain_rotate(key, hidden, head_dim);
  }
  if (positions == PlainPositions::rotary_with_value) plain_rotate(value, hidden, head_dim);
  Values context(x.size(), 0.0);
  for (std::size_t head = 0; head < layer.num_heads; ++head) {
    for (std::size_t i = 0; i < length; ++i) {
      Values weights(length);
      double total = 0;
      for (std::size_t j = 0; j < length; ++j) {
        double score = 0;
        for (std::size_t d = head * head_dim; d < (head + 1) * head_dim; ++d) {
          score += query[i * hidden + d] * key[j * hidden + d];
        }
        weights[j] = std::exp(score / std::sqrt(static_cast<double>(head_dim)));
        total += weights[j];
      }
      for (std::size_t j = 0; j < length; ++j) {
        for (std::size_t d = head * head_dim; d < (head + 1) * head_dim; ++d) {
          context[i * hidden + d] += weights[j] / total * value[j * hidden + d];
        }
      }
    }
  }
  Values sum = plain_linear(layer.output, context);
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] += x[i];
  return plain_layer_norm(layer.attention_norm, sum);
}

// LayerNorm(x + activation(x W_1 + b_1) W_2 + b_2).
inline Values plain_feed_forward(const RandomEncoderLayer& layer, const Values& x,
                                 const PlainFunction& activation = plain_gelu) {
  Values sum =
      plain_linear(layer.feed_forward_output, plain_linear(layer.intermediate, x, activation));
  for (std::size_t i = 0; i < x.size(); ++i) sum[i] += x[i];
  return plain_layer_norm(layer.output_norm, sum);
}

// Texts laid end to end, with random hidden states.
struct RandomTexts {
  std::size_t hidden_size;
  std::vector<std::size_t> starts{0};
  std::vector<float> hidden_states;

  RandomTexts(std::span<const std::size_t> lengths, std::size_t hidden, std::uint64_t seed)
      : hidden_size(hidden) {
    for (const std::size_t length : lengths) starts.push_back(starts.back() + length);
    hidden_states = RandomValues(seed).take(starts.back() * hidden);
  }
  SequenceBatch batch() const { return SequenceBatch(starts); }
  std::span<const float> text(std::size_t i) const {
    return std::span(hidden_states)
        .subspan(starts[i] * hidden_size, (starts[i + 1] - starts[i]) * hidden_size);
  }
};

// What `layer` makes of the texts from `first` to `last`, as one batch of its own.
template <class Scalar, class Layer>
std::vector<Scalar> run_layer(const Layer& layer, const RandomTexts& texts, std::size_t first,
                              std::size_t last, const typename Workspace<Scalar>::Sizes& sizes,
                              Executor& executor) {
  std::vector<std::size_t> starts;
  for (std::size_t i = first; i <= last; ++i)
    starts.push_back(texts.starts[i] - texts.starts[first]);
  const SequenceBatch batch(starts);
  Workspace<Scalar> workspace;
  workspace.prepare(sizes, batch, executor.concurrency());
  const auto hidden = workspace.hidden();
  const float* from = texts.hidden_states.data() + texts.starts[first] * texts.hidden_size;
  for (std::size_t r = 0; r < hidden.rows; ++r) {
    for (std::size_t c = 0; c < hidden.cols; ++c) hidden.row(r)[c] = static_cast<Scalar>(*from++);
  }
  layer.forward(batch, hidden, workspace, executor);
  std::vector<Scalar> result;
  for (std::size_t r = 0; r < hidden.rows; ++r) {
    const auto row = hidden.row_span(r);
    result.insert(result.end(), row.begin(), row.end());
  }
  return result;
}

}  // namespace semblance::testing
