#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "semblance/core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace semblance::simd {

// Instruction sets that kernels are written for. The VNNI and AMX sisters differ from their base in
// int8 only. neon uses SDOT there where the CPU has it.
//   avx2         AVX2, FMA3, F16C
//   avx_vnni     AVX-VNNI beside avx2, or the same 256-bit instruction of AVX-512 VNNI and VL
//   avx512       AVX-512 F, BW, DQ, VL beside avx2
//   avx512_vnni  AVX-512 VNNI beside avx512
//   avx512_amx   AMX-INT8 beside avx512_vnni, where the operating system lends its tiles
enum class Isa : std::uint8_t { scalar, avx2, avx_vnni, avx512, avx512_vnni, avx512_amx, neon };

// From narrow to wide: best_isa() takes the last supported one.
inline constexpr Isa kAllIsas[] = {Isa::scalar, Isa::neon,        Isa::avx2,      Isa::avx_vnni,
                                   Isa::avx512, Isa::avx512_vnni, Isa::avx512_amx};

// The spelling that SEMBLANCE_ISA uses.
constexpr std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx_vnni: return "avx_vnni";
    case Isa::avx512: return "avx512";
    case Isa::avx512_vnni: return "avx512_vnni";
    case Isa::avx512_amx: return "avx512_amx";
    case Isa::neon: return "neon";
  }
  return "unknown";
}

constexpr std::optional<Isa> parse_isa(std::string_view name) {
  for (const Isa isa : kAllIsas) {
    if (name == name_of(isa)) return isa;
  }
  return std::nullopt;
}

// Whether this build, this CPU and the operating system's register state carry the instruction set.
bool isa_supported(Isa isa) noexcept;
Isa best_isa() noexcept;

// The set that `name` asks for, best_isa() where it is empty. Throws ConfigError with the key
// SEMBLANCE_ISA when the name is unknown or this machine lacks the set.
Isa choose_isa(std::string_view name);
// choose_isa() of the environment variable SEMBLANCE_ISA.
Isa isa_from_environment();

namespace detail {

struct CpuFeatures {
  bool avx2 = false;
  bool avx_vnni = false;
  bool avx512 = false;
  bool avx512_vnni = false;
  bool avx512_amx = false;
  bool dot_product = false;  // of AArch64
};

#if defined(__x86_64__)
// Linux lends a process the tiles on request (Documentation/arch/x86/xstate.rst). From then on it
// refuses alternate signal stacks of less than 11 KiB or so; where one is in use it refuses the
// request. Other systems are not asked.
inline bool request_tiles() noexcept {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

// CPUID leaves 1 and 7 and the register state XCR0 (Intel SDM volume 1, sections 13.3 and 14.3).
inline CpuFeatures detect_cpu() noexcept {
  CpuFeatures features;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return features;
  constexpr unsigned kFma = 1u << 12, kOsXsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;
  constexpr unsigned kNeeded = kFma | kOsXsave | kAvx | kF16c;
  if ((c & kNeeded) != kNeeded) return features;
  unsigned xcr0 = 0, xcr0_high = 0;
  __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(xcr0_high) : "c"(0));
  constexpr unsigned kYmmState = 0x06, kZmmState = 0xE6;
  if ((xcr0 & kYmmState) != kYmmState) return features;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
  features.avx2 = (b >> 5 & 1) != 0;
  constexpr unsigned kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
  features.avx512 = features.avx2 && (b & kAvx512) == kAvx512 && (xcr0 & kZmmState) == kZmmState;
  features.avx512_vnni = features.avx512 && (c >> 11 & 1) != 0;
  constexpr unsigned kAmx = 1u << 24 | 1u << 25;  // TILE, INT8
  constexpr unsigned kTileState = 0x60000;
  features.avx512_amx = features.avx512_vnni && (d & kAmx) == kAmx &&
                        (xcr0 & kTileState) == kTileState && request_tiles();
  if (features.avx2 && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    features.avx_vnni = (a >> 4 & 1) != 0;
  }
  return features;
}
#elif defined(__aarch64__) && defined(__linux__)
inline CpuFeatures detect_cpu() noexcept {
  constexpr unsigned long kAsimdDotProduct = 1ul << 20;  // HWCAP_ASIMDDP
  CpuFeatures features;
  features.dot_product = (::getauxval(AT_HWCAP) & kAsimdDotProduct) != 0;
  return features;
}
#else
inline CpuFeatures detect_cpu() noexcept {
  CpuFeatures features;
#if defined(__ARM_FEATURE_DOTPROD)
  features.dot_product = true;
#endif
  return features;
}
#endif

inline const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = detect_cpu();
  return features;
}

}  // namespace detail

inline bool isa_supported(Isa isa) noexcept {
  const detail::CpuFeatures& cpu = detail::cpu_features();
  switch (isa) {
    case Isa::scalar: return true;
    case Isa::avx2: return cpu.avx2;
    case Isa::avx_vnni: return cpu.avx_vnni || cpu.avx512_vnni;
    case Isa::avx512: return cpu.avx512;
    case Isa::avx512_vnni: return cpu.avx512_vnni;
    case Isa::avx512_amx: return cpu.avx512_amx;
#if defined(__aarch64__)
    case Isa::neon: return true;
#else
    case Isa::neon: return false;
#endif
  }
  return false;
}

inline Isa best_isa() noexcept {
  Isa best = Isa::scalar;
  for (const Isa isa : kAllIsas) {
    if (isa_supported(isa)) best = isa;
  }
  return best;
}

inline Isa choose_isa(std::string_view name) {
  if (name.empty()) return best_isa();
  const std::optional<Isa> isa = parse_isa(name);
  if (isa && isa_supported(*isa)) return *isa;
  std::string choices;
  for (const Isa choice : kAllIsas) {
    if (isa && !isa_supported(choice)) continue;
    if (!choices.empty()) choices += ", ";
    choices += name_of(choice);
  }
  throw ConfigError("environment", "SEMBLANCE_ISA",
                    (isa ? "an instruction set of this machine (" : "one of (") + choices + ")",
                    "\"" + std::string(name) + "\"");
}

inline Isa isa_from_environment() {
  const char* name = std::getenv("SEMBLANCE_ISA");
  return choose_isa(name == nullptr ? std::string_view() : std::string_view(name));
}

}  // namespace semblance::simd
