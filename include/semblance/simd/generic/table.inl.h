inline Kernels make_kernels(Isa isa) noexcept {
  Kernels table;
  table.isa = isa;
  table.panel_width = kPanelWidth;
  table.pack_weight = pack_weight;
  table.linear = linear;
  table.attention_scratch = attention_scratch;
  table.attention = attention;
  table.layer_norm = layer_norm;
  table.rotary = rotary;
  table.activate = activate;
  table.dot = dot;
  table.squared_distance = squared_distance;
  table.dot_rows = dot_rows;
  table.column_sums = column_sums;
  table.float16_to_float32 = float16_to_float32;
  table.bfloat16_to_float32 = bfloat16_to_float32;
  return table;
}
