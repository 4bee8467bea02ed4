// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "persistence/loader.hpp"

#include <optional>
#include <utility>

namespace greenroom {

using namespace troupe;

namespace {

// Entries read at once: a few hundred kilobytes of ordinary sessions.
constexpr std::size_t page_size = 2'000;

}  // namespace

Async<std::expected<StoredPage, std::string>> load_page(Process& self, StoreHandle store,
                                                        std::string after) {
  co_return co_await blocking(
      self, [store, after = std::move(after)]() -> std::expected<StoredPage, std::string> {
        const auto from = after.empty() ? std::nullopt : std::optional<std::string_view>{after};
        auto entries = store.store->page({}, from, page_size);
        if (!entries) return std::unexpected(entries.error().text);
        const bool is_last = entries->size() < page_size;
        for (storage::Entry& entry : *entries) {
          if (!ValueCipher::is_encrypted(entry.value)) continue;
          if (!store.cipher) {
            return std::unexpected(
                "the stored sessions are encrypted; name their key file (encryption_key_file)");
          }
          auto plain = store.cipher->decrypt(entry.key, std::move(entry.value));
          if (!plain) return std::unexpected(std::move(plain.error()));
          entry.value = std::move(*plain);
        }
        return StoredPage{std::move(*entries), is_last};
      });
}

}  // namespace greenroom
