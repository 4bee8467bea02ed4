// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace greenroom {

// Counts of times in microseconds, each within 1/64 of its true value, from 0 to over an hour: the
// buckets grow with the value. 2,048 numbers, whatever is recorded.
class Histogram {
 public:
  void record(std::uint64_t microseconds) {
    ++counts_[bucket_of(microseconds)];
    ++total_;
    if (microseconds > max_) max_ = microseconds;
    sum_ += microseconds;
  }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    sum_ += other.sum_;
    if (other.max_ > max_) max_ = other.max_;
  }

  std::uint64_t count() const { return total_; }
  std::uint64_t max() const { return max_; }
  double mean() const {
    return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_);
  }

  // The value that this share of the recorded ones (0 to 1) does not exceed.
  std::uint64_t quantile(double share) const {
    const double wanted = share * static_cast<double>(total_);
    double seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += static_cast<double>(counts_[i]);
      if (seen >= wanted && seen > 0) return highest_of(i) < max_ ? highest_of(i) : max_;
    }
    return max_;
  }

 private:
  // Values below 64 have a bucket each; above, each doubling has 64.
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < 64) return static_cast<std::size_t>(value);
    const int doublings = static_cast<int>(std::bit_width(value)) - 7;
    const std::size_t bucket = static_cast<std::size_t>(64 * (doublings + 1)) +
                               static_cast<std::size_t>((value >> doublings) - 64);
    return bucket < buckets ? bucket : buckets - 1;
  }
  static std::uint64_t highest_of(std::size_t bucket) {
    if (bucket < 64) return bucket;
    const std::size_t doublings = bucket / 64 - 1;
    return ((bucket % 64 + 65) << doublings) - 1;
  }

  static constexpr std::size_t buckets = 2'048;
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace greenroom
