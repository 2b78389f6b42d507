// Speed of every kernel at the shapes of BERT, beside what the machine can do: its FMA peak in the
// same instruction set, measured at the same moment, and the rate at which one thread reads memory,
// measured at the start.
//   kernel_benchmark [--seconds S] [--rows 1,16,128]      SEMBLANCE_ISA chooses the kernels
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "measure.h"
#include "semblance/core/aligned_buffer.h"
#include "semblance/simd/kernels.h"
#include "semblance/tensor/precision.h"

namespace {

using namespace semblance;
using namespace semblance::simd;
using benchmark::cpu_seconds;
using benchmark::quantile;
using benchmark::seconds_now;

// Independent chains, more than latency times ports needs. Returns the operations done.
double run_fma_chains(Isa isa, long iterations) {
#if defined(__x86_64__)
#define CHAIN(width, n) "vfmadd231ps %%" width "14, %%" width "15, %%" width #n "\n"
#define LOW_CHAINS(width)                                                                         \
  CHAIN(width, 0)                                                                                 \
  CHAIN(width, 1)                                                                                 \
  CHAIN(width, 2)                                                                                 \
  CHAIN(width, 3)                                                                                 \
  CHAIN(width, 4) CHAIN(width, 5) CHAIN(width, 6) CHAIN(width, 7) CHAIN(width, 8) CHAIN(width, 9) \
      CHAIN(width, 10) CHAIN(width, 11)
#define HIGH_CHAINS(width)                                                             \
  CHAIN(width, 16)                                                                     \
  CHAIN(width, 17)                                                                     \
  CHAIN(width, 18)                                                                     \
  CHAIN(width, 19)                                                                     \
  CHAIN(width, 20) CHAIN(width, 21) CHAIN(width, 22) CHAIN(width, 23) CHAIN(width, 24) \
      CHAIN(width, 25) CHAIN(width, 26) CHAIN(width, 27)
#define LOW_REGISTERS                                                                      \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc"
#if defined(__AVX512F__)
#define HIGH_REGISTERS                                                                        \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", \
      "xmm26", "xmm27"
#else
#define HIGH_REGISTERS
#endif
  long left = iterations;
  if (isa == Isa::avx512 || isa == Isa::avx512_vnni || isa == Isa::avx512_amx) {
    __asm__ volatile(
        "vpxord %%zmm14, %%zmm14, %%zmm14\nvpxord %%zmm15, %%zmm15, %%zmm15\n"
        "1:\n" LOW_CHAINS("zmm") HIGH_CHAINS("zmm") "dec %0\njnz 1b\nvzeroupper\n"
        : "+r"(left)
        :
        : LOW_REGISTERS HIGH_REGISTERS);
    return static_cast<double>(iterations) * 24 * 32;
  }
  if (isa == Isa::avx2 || isa == Isa::avx_vnni) {
    __asm__ volatile(
        "vpxor %%ymm14, %%ymm14, %%ymm14\nvpxor %%ymm15, %%ymm15, %%ymm15\n"
        "1:\n" LOW_CHAINS("ymm") "dec %0\njnz 1b\nvzeroupper\n"
        : "+r"(left)
        :
        : LOW_REGISTERS);
    return static_cast<double>(iterations) * 12 * 16;
  }
#endif
  (void)isa;
  // Elsewhere: as fast as the compiler makes the same chains.
  float chains[64];
  std::fill(std::begin(chains), std::end(chains), 1.0f);
  for (long i = 0; i < iterations; ++i) {
    for (float& chain : chains) chain = std::fma(chain, 0.999f, 1e-9f);
  }
  volatile float kept = chains[iterations % 64];
  (void)kept;
  return static_cast<double>(iterations) * 128;
}

double peak_gflops(Isa isa) {
  const double start = cpu_seconds();
  const double operations = run_fma_chains(isa, 15000);
  return operations / (cpu_seconds() - start) * 1e-9;
}

struct Measured {
  double best;
  double median;
  double peak;    // GFLOP/s, 90th percentile of bursts between the samples
  double spread;  // (90th percentile - 10th) / median
};

Measured measure(Isa isa, double seconds, const std::function<void()>& run) {
  std::vector<double> times, peaks;
  run();
  const double start = seconds_now();
  do {
    peaks.push_back(peak_gflops(isa));
    const double before = cpu_seconds();
    run();
    times.push_back(cpu_seconds() - before);
  } while (times.size() < 9 || seconds_now() - start < seconds);
  const double median = quantile(times, 0.5);
  return {quantile(times, 0.0), median, quantile(peaks, 0.9),
          (quantile(times, 0.9) - quantile(times, 0.1)) / median};
}

class Benchmark {
 public:
  Benchmark(const Kernels& kernels, double seconds)
      : kernels_(kernels), seconds_(seconds), pool_(std::size_t{100} << 20) {
    std::uint32_t state = 1;
    for (float& value : pool_) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-35f;
      // Both halves are numbers of 16 bits too: NaN and subnormal ones would take their own time.
      const std::uint32_t high = std::bit_cast<std::uint32_t>(value) >> 16;
      value = std::bit_cast<float>(high << 16 | high);
    }
  }

  void memory() {
    const Measured m = measure(kernels_.isa, seconds_,
                               [&] { benchmark::read_memory(pool_.data(), pool_.size()); });
    memory_rate_ = bytes(pool_.size()) / m.median * 1e-9;
    std::printf("FMA peak %.1f GFLOP/s, memory read rate %.1f GB/s (median, one thread)\n\n",
                m.peak, memory_rate_);
  }

  // Weights come from memory: every call takes the next of a pool larger than the caches.
  void linear(std::size_t rows, std::size_t in, std::size_t out, Activation activation,
              Precision precision) {
    const std::size_t panels = (out + kernels_.panel_width - 1) / kernels_.panel_width;
    const std::size_t element = precision == Precision::f32 ? sizeof(float) : 2;
    const std::size_t weight_bytes = panels * kernels_.panel_width * in * element;
    const auto multiply = precision == Precision::f32   ? kernels_.linear
                          : precision == Precision::f16 ? kernels_.linear_float16
                                                        : kernels_.linear_bfloat16;
    AlignedBuffer<float> input = values(rows * stride(in)), output = values(rows * stride(out));
    const AlignedBuffer<float> bias = values(out);
    std::size_t offset = 0;
    const Measured m = measure(kernels_.isa, seconds_, [&] {
      LinearCall call;
      call.input = input.data();
      call.input_stride = stride(in);
      call.rows = rows;
      call.packed_weight = next_weights(weight_bytes, offset);
      call.in_features = in;
      call.out_features = out;
      call.last_column = out;
      call.bias = bias.data();
      call.activation = activation;
      call.output = output.data();
      call.output_stride = stride(out);
      multiply(call);
    });
    report_linear(std::string(name_of(precision)), rows, in, out, activation, m, weight_bytes);
  }

  // In 8 bits, the step that makes codes of the input included. Operations a second stand beside
  // the peak of float32.
  void int8_linear(std::size_t rows, std::size_t in, std::size_t out, Activation activation) {
    const std::size_t panels = (out + kernels_.panel_width - 1) / kernels_.panel_width;
    const std::size_t weight_bytes = panels * kernels_.int8_panel_bytes(in);
    AlignedBuffer<float> input = values(rows * stride(in)), output = values(rows * stride(out));
    AlignedBuffer<std::byte> codes(rows * kernels_.int8_row_bytes(in));
    std::vector<float> scales(rows);
    std::vector<std::int32_t> zeros(rows);
    std::size_t offset = 0;
    const Measured m = measure(kernels_.isa, seconds_, [&] {
      kernels_.quantize_rows(input.data(), stride(in), rows, in, codes.data(), scales.data(),
                             zeros.data());
      Int8LinearCall call;
      call.input = codes.data();
      call.input_scales = scales.data();
      call.input_zeros = zeros.data();
      call.rows = rows;
      call.packed_weight = next_weights(weight_bytes, offset);
      call.in_features = in;
      call.out_features = out;
      call.last_column = out;
      call.activation = activation;
      call.output = output.data();
      call.output_stride = stride(out);
      kernels_.linear_int8(call);
    });
    report_linear("int8", rows, in, out, activation, m, weight_bytes);
  }

  void attention(std::size_t length, std::size_t heads, std::size_t head_dim) {
    const std::size_t hidden = heads * head_dim;
    AlignedBuffer<float> qkv = values(length * stride(3 * hidden));
    AlignedBuffer<float> context = values(length * stride(hidden));
    AlignedBuffer<float> scratch = values(kernels_.attention_scratch(length, head_dim));
    const Measured m = measure(kernels_.isa, seconds_, [&] {
      for (std::size_t head = 0; head < heads; ++head) {
        AttentionCall call;
        call.query = qkv.data() + head * head_dim;
        call.key = call.query + hidden;
        call.value = call.key + hidden;
        call.stride = stride(3 * hidden);
        call.length = length;
        call.head_dim = head_dim;
        call.last_row = length;
        call.scale = 0.125f;
        call.context = context.data() + head * head_dim;
        call.context_stride = stride(hidden);
        call.scratch = scratch.data();
        kernels_.attention(call);
      }
    });
    report("attention " + std::to_string(length) + " tokens, " + std::to_string(heads) + " x " +
               std::to_string(head_dim),
           m, 4.0 * static_cast<double>(length * length) * static_cast<double>(hidden), 0.0);
  }

  void layer_norm(std::size_t rows, std::size_t size) {
    AlignedBuffer<float> data = values(rows * stride(size));
    const AlignedBuffer<float> gamma = values(size), beta = values(size);
    AlignedBuffer<float> output = values(rows * stride(size));
    report("layer_norm " + std::to_string(rows) + " x " + std::to_string(size),
           measure(kernels_.isa, seconds_,
                   [&] {
                     kernels_.layer_norm({data.data(), stride(size), rows, size, gamma.data(),
                                          beta.data(), 1e-12f, output.data(), stride(size)});
                   }),
           0.0, 0.0);
  }

  void activate(Activation activation, const char* name) {
    AlignedBuffer<float> data = values(8192);
    report(std::string(name) + " 8192",
           measure(kernels_.isa, seconds_,
                   [&] { kernels_.activate(activation, data.data(), data.size()); }),
           0.0, 0.0);
  }

  // One query meets rows that exceed the caches, several a block of rows that stays in them.
  void dot_table(std::size_t queries, std::size_t size) {
    const std::size_t rows = queries == 1 ? pool_.size() / size : 32768 / size;
    const AlignedBuffer<float> query = values(queries * size);
    std::vector<float> products(queries * rows);
    report("dot_table " + std::to_string(queries) + " by " + std::to_string(rows) + " x " +
               std::to_string(size),
           measure(kernels_.isa, seconds_,
                   [&] {
                     kernels_.dot_table({query.data(), size, queries, pool_.data(), size, rows,
                                         size, products.data(), rows});
                   }),
           2.0 * static_cast<double>(queries * rows * size), bytes(rows * size));
  }

  void pack_weight(std::size_t in, std::size_t out) {
    AlignedBuffer<float> packed = values((out + 64) * in);
    std::size_t offset = 0;
    report("pack_weight " + std::to_string(in) + " -> " + std::to_string(out),
           measure(kernels_.isa, seconds_,
                   [&] {
                     if (offset + in * out > pool_.size()) offset = 0;
                     kernels_.pack_weight(pool_.data() + offset, out, in, 0,
                                          (out + kernels_.panel_width - 1) / kernels_.panel_width,
                                          packed.data());
                     offset += in * out;
                   }),
           0.0, bytes(in * out));
  }

 private:
  static double bytes(std::size_t floats) { return 4.0 * static_cast<double>(floats); }
  // An odd number of cache lines, as the encoder's buffers have it.
  static std::size_t stride(std::size_t size) { return ((size + 15) / 16 | 1) * 16; }

  AlignedBuffer<float> values(std::size_t count) const {
    AlignedBuffer<float> result(count);
    for (std::size_t i = 0; i < count; ++i) result[i] = pool_[i % pool_.size()];
    return result;
  }

  // The next of the pool, which is as good as any other.
  const std::byte* next_weights(std::size_t weight_bytes, std::size_t& offset) const {
    if (offset + weight_bytes > pool_.size() * sizeof(float)) offset = 0;
    offset += weight_bytes;
    return reinterpret_cast<const std::byte*>(pool_.data()) + (offset - weight_bytes);
  }

  void report_linear(const std::string& precision, std::size_t rows, std::size_t in,
                     std::size_t out, Activation activation, const Measured& m,
                     std::size_t weight_bytes) const {
    report("linear " + precision + (activation == Activation::gelu ? "+gelu " : " ") +
               std::to_string(rows) + " x " + std::to_string(in) + " -> " + std::to_string(out),
           m, 2.0 * static_cast<double>(rows * in) * static_cast<double>(out),
           static_cast<double>(weight_bytes));
  }

  void report(const std::string& name, const Measured& m, double flops, double read_bytes) const {
    std::printf("%-40s %10.1f us  +-%3.0f %%", name.c_str(), m.median * 1e6, m.spread * 50);
    if (flops > 0) {
      const double rate = flops / m.median * 1e-9;
      std::printf("  %7.1f GFLOP/s %3.0f %% of peak (best %3.0f %%)", rate, 100 * rate / m.peak,
                  100 * flops / m.best * 1e-9 / m.peak);
    }
    if (read_bytes > 0) {
      const double rate = read_bytes / m.median * 1e-9;
      std::printf("  %5.1f GB/s %3.0f %% of memory", rate, 100 * rate / memory_rate_);
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  const Kernels& kernels_;
  double seconds_;
  AlignedBuffer<float> pool_;
  double memory_rate_ = 0.0;
};

int usage() {
  std::fprintf(stderr, "usage: kernel_benchmark [--seconds S] [--rows N,N,...]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 0.5;
  std::vector<std::size_t> row_counts = {1, 8, 16, 32, 128, 512};
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) return usage();
    if (std::strcmp(argv[i], "--seconds") == 0) {
      seconds = std::atof(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--rows") == 0) {
      row_counts.clear();
      for (char* text = argv[i + 1]; *text != '\0'; text += *text == ',' ? 1 : 0) {
        char* end = text;
        row_counts.push_back(std::strtoul(text, &end, 10));
        if (end == text || row_counts.back() == 0) return usage();
        text = end;
      }
    } else {
      return usage();
    }
  }
  try {
    const Kernels& chosen = kernels();
    std::printf("machine: %s\ninstruction set: %s, threads: 1, CPU time, medians\n",
                benchmark::machine_name().c_str(), std::string(name_of(chosen.isa)).c_str());
    Benchmark benchmark(chosen, seconds);
    benchmark.memory();
    const struct {
      std::size_t in, out;
      Activation activation;
    } shapes[] = {{768, 2304, Activation::identity}, {768, 768, Activation::identity},
                  {768, 3072, Activation::identity}, {768, 3072, Activation::gelu},
                  {3072, 768, Activation::identity}, {384, 384, Activation::identity},
                  {384, 1536, Activation::gelu},     {1536, 384, Activation::identity}};
    for (const auto& shape : shapes) {
      for (const std::size_t rows : row_counts) {
        for (const Precision precision : {Precision::f32, Precision::f16, Precision::bf16}) {
          benchmark.linear(rows, shape.in, shape.out, shape.activation, precision);
        }
        benchmark.int8_linear(rows, shape.in, shape.out, shape.activation);
      }
    }
    for (const std::size_t length :
         {std::size_t{16}, std::size_t{32}, std::size_t{128}, std::size_t{512}}) {
      benchmark.attention(length, 12, 64);
      benchmark.attention(length, 12, 32);
    }
    benchmark.layer_norm(128, 768);
    benchmark.layer_norm(128, 384);
    benchmark.activate(Activation::gelu, "gelu");
    benchmark.activate(Activation::gelu_tanh, "gelu_tanh");
    benchmark.activate(Activation::silu, "silu");
    benchmark.activate(Activation::tanh, "tanh");
    for (const std::size_t size : {384, 768}) {
      benchmark.dot_table(1, size);
      benchmark.dot_table(32, size);
    }
    benchmark.pack_weight(768, 3072);
    benchmark.pack_weight(3072, 768);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
