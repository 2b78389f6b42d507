#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace semblance {

// What config.json says of an encoder, in the words of BERT's own configuration; other families'
// names for the same thing (DistilBERT's dim, n_layers, n_heads, hidden_dim, activation) are read
// into these. Sizes are positive, hidden_size is a multiple of num_attention_heads, and every size
// is small enough that a product of two fits 64 bits with room to spare.
struct ModelConfig {
  std::string model_type;                  // bert, roformer, distilbert or ernie
  std::vector<std::string> architectures;  // as written; empty when absent

  std::size_t vocab_size = 0;
  std::size_t hidden_size = 0;
  std::size_t num_hidden_layers = 0;
  std::size_t num_attention_heads = 0;
  std::size_t intermediate_size = 0;
  std::size_t max_position_embeddings = 0;
  std::size_t type_vocab_size = 0;  // 0: the family has no token types (distilbert)
  // gelu, gelu_new, gelu_pytorch_tanh, relu, silu or tanh; the aliases swish and gelu_python are
  // resolved.
  std::string hidden_act;
  double layer_norm_eps = 1e-12;

  // Width of the embedding tables, projected to hidden_size where it is another, as in RoFormer and
  // SimBERT-small.
  std::size_t embedding_size = 0;
  // RoFormer: whether rotary positions turn the values too, and the pooler's activation, tanh or
  // linear (RoFormer-Sim).
  bool rotary_value = false;
  std::string pooler_activation = "tanh";

  // ERNIE 2 and 3: a third kind of embedding, with task_type_vocab_size rows.
  bool use_task_id = false;
  std::size_t task_type_vocab_size = 0;

  std::size_t head_dim() const noexcept { return hidden_size / num_attention_heads; }
};

}  // namespace semblance
