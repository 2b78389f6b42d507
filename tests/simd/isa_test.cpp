#include "semblance/simd/isa.h"

#include <gtest/gtest.h>

#include <string>

#include "semblance/simd/kernels.h"

namespace semblance::simd {
namespace {

std::string message_of(std::string_view name) {
  try {
    choose_isa(name);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Isa, EveryNameIsParsedBackToItsSet) {
  for (const Isa isa : kAllIsas) EXPECT_EQ(parse_isa(name_of(isa)), isa);
  EXPECT_EQ(std::size(kAllIsas), 7u);
}

TEST(Isa, NamesAreExact) {
  for (const char* name : {"", "AVX2", "avx", "avx-512", "avx512 ", "sse2", "amx"}) {
    EXPECT_EQ(parse_isa(name), std::nullopt) << name;
  }
}

TEST(Isa, ScalarIsAlwaysThereAndTheBestSetIsSupported) {
  EXPECT_TRUE(isa_supported(Isa::scalar));
  EXPECT_TRUE(isa_supported(best_isa()));
}

TEST(Isa, SistersNeedTheirBase) {
  if (isa_supported(Isa::avx512_vnni)) {
    EXPECT_TRUE(isa_supported(Isa::avx512));
  }
  if (isa_supported(Isa::avx512_amx)) {
    EXPECT_TRUE(isa_supported(Isa::avx512_vnni));
  }
  if (isa_supported(Isa::avx_vnni) || isa_supported(Isa::avx512)) {
    EXPECT_TRUE(isa_supported(Isa::avx2));
  }
}

TEST(Isa, AnEmptyOverrideMeansTheBestSet) { EXPECT_EQ(choose_isa(""), best_isa()); }

TEST(Isa, AnOverrideChoosesASupportedSet) {
  for (const Isa isa : kAllIsas) {
    if (isa_supported(isa)) {
      EXPECT_EQ(choose_isa(name_of(isa)), isa);
    }
  }
}

TEST(Isa, AnUnknownOverrideIsRefusedWithTheKnownNames) {
  EXPECT_EQ(
      message_of("sse9"),
      "environment: \"SEMBLANCE_ISA\": expected one of (scalar, neon, avx2, avx_vnni, avx512, "
      "avx512_vnni, avx512_amx), found \"sse9\"");
}

TEST(Isa, AnOverrideThisMachineLacksIsRefused) {
  for (const Isa isa : kAllIsas) {
    if (isa_supported(isa)) continue;
    const std::string message = message_of(name_of(isa));
    EXPECT_NE(
        message.find("\"SEMBLANCE_ISA\": expected an instruction set of this machine (scalar"),
        std::string::npos)
        << message;
    EXPECT_NE(message.find("found \"" + std::string(name_of(isa)) + "\""), std::string::npos)
        << message;
    EXPECT_THROW(kernels_for(isa), ConfigError);
  }
}

TEST(Isa, TheTableCarriesTheSetThatWasAskedFor) {
  for (const Isa isa : kAllIsas) {
    if (isa_supported(isa)) {
      EXPECT_EQ(kernels_for(isa).isa, isa);
    }
  }
  EXPECT_EQ(kernels().isa, isa_from_environment());
}

}  // namespace
}  // namespace semblance::simd
