#pragma once

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "semblance/core/error.h"
#include "semblance/core/executor.h"
#include "semblance/core/moved_count.h"
#include "semblance/pooling/whitening_transform.h"
#include "semblance/tensor/tensor_view.h"

namespace semblance {

// Fits a whitening in one pass over a stream of vectors: memory does not grow with their number.
//
// Numeric contract: mean and population covariance (divided by n) in float64, by blocks of 256 rows
// centred on their own mean and merged by Chan, Golub and LeVeque (1983), so neither a large mean
// nor a long stream costs digits. The cut of the stream into add() calls and the executor change no
// bit; another compiler or instruction set for Eigen may, in the last places of float64.
class WhiteningFit {
 public:
  // input_size: dimensions of the vectors. Throws std::invalid_argument for 0.
  explicit WhiteningFit(std::size_t input_size);

  // The next rows [num_rows, input_size]. Throws std::invalid_argument, and takes none of them,
  // when they have another size or a value that is not finite. After any other exception the fit is
  // of no more use.
  void add(MatrixView<const float> rows, Executor* executor = nullptr);

  std::size_t input_size() const noexcept { return mean_.size(); }
  std::size_t num_rows() const noexcept { return num_merged_ + num_pending_; }

  // The whitening of what was added, cut to its first `dimensions`; 0 keeps all. Column j of the
  // kernel is the eigenvector of the covariance with the j-th largest eigenvalue over the square
  // root of that eigenvalue. Its sign is such that its component of largest magnitude (the first
  // among equals) is positive. Directions whose eigenvalue is below kSmallestEigenvalue of the
  // largest are dropped; they hold nothing but rounding.
  // Throws std::invalid_argument when nothing was added and when no direction, or fewer than
  // `dimensions`, remain; Error when the eigenvalues are not found.
  static constexpr double kSmallestEigenvalue = 1e-9;
  Whitening fit(std::size_t dimensions = 0) const;

 private:
  static constexpr std::size_t kBlockRows = 256;

  void merge_pending(Executor& executor);

  MovedCount num_merged_;
  std::vector<double> mean_;     // [input_size], of the merged rows
  std::vector<double> scatter_;  // [input_size, input_size], lower triangle: n times covariance
  std::vector<float> pending_;   // [kBlockRows, input_size]
  MovedCount num_pending_;
};

namespace detail {

using Float64Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

// lower(scatter) += centred^T centred, tile by tile. Eigen takes room for what it multiplies from
// the stack, which a thread may have little of: here 32 KB.
inline void add_scatter(const Float64Matrix& centred, Eigen::Map<Float64Matrix> scatter,
                        Executor& executor) {
  constexpr Eigen::Index kTile = 64;
  constexpr Eigen::Index kDepth = 32;
  const Eigen::Index size = centred.cols();
  const Eigen::Index tiles = (size + kTile - 1) / kTile;
  executor.run(static_cast<std::size_t>(tiles * tiles), [&](std::size_t task) {
    const Eigen::Index i = static_cast<Eigen::Index>(task) / tiles * kTile;
    const Eigen::Index j = static_cast<Eigen::Index>(task) % tiles * kTile;
    if (j > i) return;
    const Eigen::Index rows = std::min(kTile, size - i);
    const Eigen::Index cols = std::min(kTile, size - j);
    for (Eigen::Index k = 0; k < centred.rows(); k += kDepth) {
      const Eigen::Index depth = std::min(kDepth, centred.rows() - k);
      scatter.block(i, j, rows, cols).noalias() +=
          centred.block(k, i, depth, rows).transpose() * centred.block(k, j, depth, cols);
    }
  });
}

}  // namespace detail

inline WhiteningFit::WhiteningFit(std::size_t input_size)
    : mean_(input_size), scatter_(input_size * input_size), pending_(kBlockRows * input_size) {
  if (input_size == 0) throw std::invalid_argument("whitening: vectors without dimensions");
}

inline void WhiteningFit::add(MatrixView<const float> rows, Executor* executor) {
  if (rows.rows == 0) return;
  if (rows.cols != input_size()) {
    throw std::invalid_argument("whitening: vectors of " + std::to_string(rows.cols) +
                                " dimensions after such of " + std::to_string(input_size()));
  }
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const auto values = rows.row_span(r);
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      throw std::invalid_argument("whitening: vector " + std::to_string(num_rows() + r) +
                                  " is not finite");
    }
  }
  InlineExecutor here;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    if (num_pending_ == kBlockRows) merge_pending(executor != nullptr ? *executor : here);
    std::copy_n(rows.row(r), rows.cols, pending_.data() + num_pending_ * input_size());
    num_pending_ += 1;
  }
}

inline void WhiteningFit::merge_pending(Executor& executor) {
  if (num_pending_ == 0) return;
  const auto size = static_cast<Eigen::Index>(input_size());
  const auto rows = static_cast<Eigen::Index>(num_pending_);
  detail::Float64Matrix block(rows, size);
  for (Eigen::Index r = 0; r < rows; ++r) {
    for (Eigen::Index i = 0; i < size; ++i) {
      block(r, i) = static_cast<double>(pending_[static_cast<std::size_t>(r * size + i)]);
    }
  }
  const Eigen::VectorXd block_mean = block.colwise().mean();
  block.rowwise() -= block_mean.transpose();

  Eigen::Map<Eigen::VectorXd> mean(mean_.data(), size);
  Eigen::Map<detail::Float64Matrix> scatter(scatter_.data(), size, size);
  const auto merged = static_cast<double>(num_merged_);
  const auto pending = static_cast<double>(num_pending_);
  const Eigen::VectorXd shift = block_mean - mean;
  detail::add_scatter(block, scatter, executor);
  scatter.selfadjointView<Eigen::Lower>().rankUpdate(shift, merged * pending / (merged + pending));
  mean += shift * (pending / (merged + pending));
  num_merged_ += num_pending_;
  num_pending_ = 0;
}

inline Whitening WhiteningFit::fit(std::size_t dimensions) const {
  if (num_rows() == 0) throw std::invalid_argument("whitening: no vectors to fit on");
  WhiteningFit whole = *this;
  InlineExecutor here;
  whole.merge_pending(here);

  const auto size = static_cast<Eigen::Index>(input_size());
  detail::Float64Matrix covariance =
      Eigen::Map<detail::Float64Matrix>(whole.scatter_.data(), size, size);
  covariance /= static_cast<double>(whole.num_merged_);
  const Eigen::SelfAdjointEigenSolver<detail::Float64Matrix> solver(covariance);
  if (solver.info() != Eigen::Success) {
    throw Error("whitening: the eigenvalues of the covariance were not found");
  }
  const auto& rising = solver.eigenvalues();
  const double largest = rising[size - 1];
  std::size_t remaining = 0;
  while (remaining < input_size() && largest > 0.0 &&
         rising[size - 1 - static_cast<Eigen::Index>(remaining)] >= kSmallestEigenvalue * largest) {
    ++remaining;
  }
  const std::string what = std::to_string(whole.num_merged_) + " vectors of " +
                           std::to_string(input_size()) + " dimensions";
  if (remaining == 0) {
    throw std::invalid_argument("whitening: no directions remain, the " + what + " are all equal");
  }
  if (dimensions > remaining) {
    throw std::invalid_argument("whitening: " + std::to_string(dimensions) +
                                " dimensions asked for, but only " + std::to_string(remaining) +
                                " remain of the " + what);
  }
  if (dimensions == 0) dimensions = remaining;

  std::vector<double> kernel(input_size() * dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const Eigen::Index column = size - 1 - static_cast<Eigen::Index>(d);
    const auto direction = solver.eigenvectors().col(column);
    Eigen::Index largest_at = 0;
    direction.cwiseAbs().maxCoeff(&largest_at);
    const double factor = (direction[largest_at] < 0.0 ? -1.0 : 1.0) / std::sqrt(rising[column]);
    for (Eigen::Index i = 0; i < size; ++i) {
      kernel[static_cast<std::size_t>(i) * dimensions + d] = direction[i] * factor;
    }
  }
  return Whitening(std::move(whole.mean_), std::move(kernel));
}

}  // namespace semblance
