#include "semblance/core/function_ref.h"

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace semblance {
namespace {

int twice(int x) { return 2 * x; }
int call(FunctionRef<int(int)> function, int x) { return function(x); }

TEST(FunctionRef, CallsLambdasFunctionPointersAndObjects) {
  int calls = 0;
  EXPECT_EQ(call(
                [&](int x) {
                  ++calls;
                  return x + 1;
                },
                4),
            5);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(call(&twice, 4), 8);
  EXPECT_EQ(call(twice, 4), 8);
  struct Add {
    int amount;
    int operator()(int x) const { return x + amount; }
  };
  const Add add{10};
  EXPECT_EQ(call(add, 4), 14);
}

TEST(FunctionRef, RefersToTheCallableAndItsStateInsteadOfACopy) {
  auto counter = [n = 0]() mutable { return ++n; };
  const FunctionRef<int()> first(counter);
  const FunctionRef<int()> copy = first;
  first();
  copy();
  EXPECT_EQ(counter(), 3);
}

TEST(FunctionRef, PassesReferencesAndMoveOnlyArguments) {
  const auto take = [](std::unique_ptr<int> value, int& sum) { sum += *value; };
  int sum = 1;
  FunctionRef<void(std::unique_ptr<int>, int&)>{take}(std::make_unique<int>(5), sum);
  EXPECT_EQ(sum, 6);
}

TEST(FunctionRef, LetsExceptionsThrough) {
  const auto refuse = [] { throw 7; };
  EXPECT_THROW(FunctionRef<void()>{refuse}(), int);
}

TEST(FunctionRef, AcceptsOnlyWhatFitsTheSignature) {
  const auto length = [](const char*) { return 1.5; };
  static_assert(std::is_constructible_v<FunctionRef<double(const char*)>, decltype(length)&>);
  static_assert(!std::is_constructible_v<FunctionRef<double(int)>, decltype(length)&>);
  static_assert(!std::is_constructible_v<FunctionRef<char*(const char*)>, decltype(length)&>);
  static_assert(std::is_trivially_copyable_v<FunctionRef<void()>>);
  EXPECT_EQ(FunctionRef<double(const char*)>{length}(""), 1.5);
}

}  // namespace
}  // namespace semblance
