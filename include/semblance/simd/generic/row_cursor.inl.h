// Where kRows rows of an operand stand while a micro-kernel goes along them. Four rows share a
// register and differ by what an x86 address adds to it for nothing; of a pointer a row the
// compiler makes as many registers, and runs out of them.
template <std::size_t kRows, class T>
class RowCursor {
 public:
  SEMBLANCE_INLINE RowCursor(const T* rows, std::size_t stride)
      : stride_(stride * sizeof(T)), three_strides_(3 * stride_) {
    SEMBLANCE_UNROLL
    for (std::size_t group = 0; group < kGroups; ++group) {
      groups_[group] = reinterpret_cast<const char*>(rows + 4 * group * stride);
    }
  }

  // To be called once a step, or the compiler makes pointers of rows after all.
  SEMBLANCE_INLINE void forget() {
    conceal(stride_);
    conceal(three_strides_);
    SEMBLANCE_UNROLL
    for (std::size_t group = 0; group < kGroups; ++group) conceal(groups_[group]);
  }
  SEMBLANCE_INLINE const T* at(std::size_t row, std::size_t ahead) const {
    const std::size_t offset = row % 4 == 3 ? three_strides_ : row % 4 * stride_;
    return reinterpret_cast<const T*>(groups_[row / 4] + offset) + ahead;
  }
  SEMBLANCE_INLINE void advance(std::size_t count) {
    SEMBLANCE_UNROLL
    for (std::size_t group = 0; group < kGroups; ++group) groups_[group] += count * sizeof(T);
  }

 private:
  static constexpr std::size_t kGroups = (kRows + 3) / 4;

  // Hides from the compiler where a value comes from.
  template <class Value>
  static SEMBLANCE_INLINE void conceal(Value& value) {
    __asm__("" : "+r"(value));
  }

  const char* groups_[kGroups];
  std::size_t stride_;  // in bytes
  std::size_t three_strides_;
};
