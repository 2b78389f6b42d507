#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace semblance {

// Objects that are dear to make and that one user at a time needs: taken from a list of idle ones
// where there is any, and put back afterwards with whatever memory they have grown.
template <class T>
class ObjectPool {
  struct Node {
    T object;
    std::unique_ptr<Node> next;
  };

 public:
  ObjectPool() = default;
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;
  ~ObjectPool() {
    while (idle_) idle_ = std::move(idle_->next);
  }

  // One object on loan; goes back when this is destroyed, and must not outlive the pool.
  class Loan {
   public:
    Loan(ObjectPool& pool, std::unique_ptr<Node> node) : pool_(pool), node_(std::move(node)) {}
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() {
      const std::lock_guard lock(pool_.mutex_);
      node_->next = std::move(pool_.idle_);
      pool_.idle_ = std::move(node_);
    }
    T& operator*() const noexcept { return node_->object; }
    T* operator->() const noexcept { return &node_->object; }

   private:
    ObjectPool& pool_;
    std::unique_ptr<Node> node_;
  };

  Loan borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (idle_) {
        std::unique_ptr<Node> node = std::move(idle_);
        idle_ = std::move(node->next);
        return Loan(*this, std::move(node));
      }
    }
    return Loan(*this, std::make_unique<Node>());
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Node> idle_;  // the head of a list
};

}  // namespace semblance
