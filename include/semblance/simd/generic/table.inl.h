// Dot multiplies codes of 8 bits.
template <class Dot>
inline Kernels make_kernels(Isa isa) noexcept {
  Kernels table;
  table.isa = isa;
  table.int8_group = Dot::kGroup;
  table.panel_width = kPanelWidth;
  table.pack_weight = pack_weight;
  table.linear = linear<Float32>;
  table.pack_float16 = pack_half<Float16>;
  table.linear_float16 = linear<Float16>;
  table.pack_bfloat16 = pack_half<BFloat16>;
  table.linear_bfloat16 = linear<BFloat16>;
  table.int8_row_bytes = int8_row_bytes<Dot>;
  table.quantize_rows = quantize_rows<Dot>;
  table.int8_panel_bytes = int8_panel_bytes;
  table.pack_int8 = pack_int8<Dot>;
  table.linear_int8 = linear_int8<Dot>;
  table.quantize_row = quantize_row;
  table.quantize_weights = quantize_weights;
  table.int8_to_float32 = int8_to_float32;
  table.hadamard = hadamard;
  table.attention_scratch = attention_scratch;
  table.attention = attention;
  table.attention_int8_scratch = attention_int8_scratch<Dot, Dot>;
  table.attention_int8 = attention_int8<Dot, Dot>;
  table.layer_norm = layer_norm;
  table.rotary = rotary;
  table.activate = activate;
  table.dot = pair_sum<Product>;
  table.squared_distance = pair_sum<SquaredDifference>;
  table.absolute_distance = pair_sum<AbsoluteDifference>;
  table.dot_table = row_table<Product>;
  table.squared_distance_table = row_table<SquaredDifference>;
  table.absolute_distance_table = row_table<AbsoluteDifference>;
  table.column_sums = column_sums;
  table.float16_to_float32 = float16_to_float32;
  table.bfloat16_to_float32 = bfloat16_to_float32;
  return table;
}
