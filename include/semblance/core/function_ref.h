#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace semblance {

template <class Signature>
class FunctionRef;

// A non-owning reference to a callable: what std::function is without the allocation. The callable
// must outlive the call it is passed to.
template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
           std::is_invocable_r_v<Result, Callable&, Args...>) FunctionRef(Callable&& callable)
  noexcept {  // NOLINT(google-explicit-constructor): a view
    using Target = std::remove_reference_t<Callable>;
    if constexpr (std::is_function_v<Target>) {
      place_.function = reinterpret_cast<void (*)()>(&callable);
      call_ = [](Place place, Args... args) -> Result {
        return (*reinterpret_cast<Target*>(place.function))(std::forward<Args>(args)...);
      };
    } else {
      place_.object = const_cast<void*>(static_cast<const void*>(std::addressof(callable)));
      call_ = [](Place place, Args... args) -> Result {
        return (*static_cast<Target*>(place.object))(std::forward<Args>(args)...);
      };
    }
  }

  Result operator()(Args... args) const { return call_(place_, std::forward<Args>(args)...); }

 private:
  union Place {
    void* object;
    void (*function)();
  };

  Place place_;
  Result (*call_)(Place, Args...);
};

}  // namespace semblance
