// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <array>
#include <atomic>

#include <troupe/term.hpp>

// Which node numbers have names. A slot holds the atom's index plus one and the creation, so that
// one load reads both; 0 is a number without a name.
namespace troupe {
namespace {

constinit std::array<std::atomic<std::uint64_t>, max_named_nodes> names{};
constinit std::atomic<std::uint32_t> highest{0};

std::uint64_t pack(NodeName name) noexcept {
  return (std::uint64_t{name.name.index()} + 1) << 32 | name.creation;
}

}  // namespace

bool set_node_name(std::uint32_t node, NodeName name) noexcept {
  if (node == 0 || node >= max_named_nodes) return false;
  names[node].store(pack(name), std::memory_order_release);
  std::uint32_t seen = highest.load(std::memory_order_relaxed);
  while (seen < node && !highest.compare_exchange_weak(seen, node, std::memory_order_release)) {
  }
  return true;
}

NodeName node_name(std::uint32_t node) noexcept {
  if (node < max_named_nodes) {
    if (std::uint64_t packed = names[node].load(std::memory_order_acquire)) {
      return {Atom::from_index(static_cast<std::uint32_t>(packed >> 32) - 1),
              static_cast<std::uint32_t>(packed)};
    }
  }
  return {atoms::nonode_nohost, node};
}

std::optional<std::uint32_t> node_number(NodeName name) noexcept {
  std::uint64_t packed = pack(name);
  std::uint32_t last = highest.load(std::memory_order_acquire);
  for (std::uint32_t node = 1; node <= last; ++node) {
    if (names[node].load(std::memory_order_acquire) == packed) return node;
  }
  bool unnamed = name.name == atoms::nonode_nohost && name.creation != 0 &&
                 (name.creation >= max_named_nodes ||
                  names[name.creation].load(std::memory_order_acquire) == 0);
  if (unnamed) return name.creation;
  return std::nullopt;
}

}  // namespace troupe
